/** What the lane must decide (ves-protocol §5-6), one item after another, in the simplest words. */
import { uuidFromBytes } from "../../src/base/ids.js";
import type { LaneCommand, LaneItem } from "../../src/lane/lane-item.js";
import type { AgentKeyRef } from "../../src/store/contract.js";
import type { AdmittedLegacyEvent, LegacyRequest } from "../../src/verify/legacy-request.js";
import type { CheckedEvent, VerifiedEvent, VerifiedRequest } from "../../src/verify/verified-request.js";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const nameOf = (ref: AgentKeyRef): string => JSON.stringify([ref.tenantId, ref.agentId, ref.purpose, ref.keyId]);

interface Line {
  readonly phase: number;
  readonly text: string;
}

export class LaneModel {
  readonly log: {
    readonly id: string;
    readonly stream: string;
    readonly sequence: number;
    readonly envelope: string;
  }[] = [];
  readonly #heads = new Map<string, number>();
  readonly #versions = new Map<string, number>();
  readonly #commands = new Set<string>();
  readonly #keys = new Map<string, { revoked: boolean; readonly validToMs: number | null }>();
  readonly #apiKeys = new Map<string, { revoked: boolean }>();

  /** One line of text per item: what its answer must say. */
  decide(item: LaneItem): string {
    if (item.kind === "ingest_legacy") return this.#ingestLegacy(item.request);
    return item.kind === "ingest" ? this.#ingest(item.request) : this.#command(item);
  }

  #ingest(request: VerifiedRequest): string {
    const stream = request.tenantId + request.storeId;
    const before = this.#heads.get(stream) ?? 0;
    const replays: string[] = [];
    const rejections: Line[] = [];
    const commands = new Set<string>();
    for (const event of request.events) {
      const id = hex(event.eventId);
      const stored = this.log.find((entry) => entry.id === id);
      if (event.stage !== "refused" && stored !== undefined && stored.envelope === hex(event.envelope)) {
        replays.push(`${uuidFromBytes(event.eventId)} ${stored.sequence}`);
        continue;
      }
      const line = this.#refusal(request, event, stored?.stream.replace("legacy ", ""), commands);
      if (line === null) this.#append(stream, event as VerifiedEvent);
      else rejections.push({ ...line, text: `${uuidFromBytes(event.eventId)} ${line.text}` });
    }
    const head = this.#heads.get(stream) ?? 0;
    const fresh = this.log.filter((entry) => entry.stream === stream && entry.sequence > before);
    const receipts = [
      ...replays,
      ...fresh.map(({ id, sequence }) => `${uuidFromBytes(Buffer.from(id, "hex"))} ${sequence}`),
    ];
    const refused = [0, 1, 2, 3].flatMap((phase) =>
      rejections.filter((line) => line.phase === phase).map(({ text }) => text),
    );
    const [start, end] = head > before ? [before + 1, head] : [null, null];
    return JSON.stringify({ accepted: head - before, start, end, head, refused, receipts });
  }

  /** wire-api A.3: every stored id is a duplicate; numbers, heads and commands are apart, versions are shared. */
  #ingestLegacy(request: LegacyRequest): string {
    if (this.#isRevoked(request.by)) return "INVALID_API_KEY";
    const stream = `legacy ${request.tenantId}${request.storeId}`;
    const before = this.#heads.get(stream) ?? 0;
    const refused: string[] = [];
    const commands = new Set<string>();
    for (const event of request.events) {
      const text = event.stage === "refused" ? event.message : this.#legacyRefusal(stream, event, commands);
      if (text === null) this.#append(stream, event as AdmittedLegacyEvent);
      else refused.push(`${uuidFromBytes(event.eventId)} ${text}`);
    }
    // An empty request names no stream.
    const head = request.events.length === 0 ? 0 : (this.#heads.get(stream) ?? 0);
    const [start, end] = head > before ? [before + 1, head] : [null, null];
    return JSON.stringify({ accepted: Math.max(0, head - before), start, end, head, refused, receipts: [] });
  }

  #legacyRefusal(stream: string, event: AdmittedLegacyEvent, commands: Set<string>): string | null {
    const id = hex(event.eventId);
    if (this.log.some((entry) => entry.id === id)) return `Event ${uuidFromBytes(event.eventId)} already exists`;
    if (!event.isPayloadIntact) return "Payload hash does not match payload";
    if (event.commandId !== null) {
      const command = stream + hex(event.commandId);
      const name = `Command ${uuidFromBytes(event.commandId)}`;
      if (commands.has(command)) return `${name} duplicated in batch`;
      commands.add(command);
      if (this.#commands.has(command)) return `${name} already processed`;
    }
    const version = this.#versions.get(entityOf(stream, event)) ?? 0;
    if (event.baseVersion === null || event.baseVersion === String(version)) return null;
    return `Version conflict: expected ${event.baseVersion}, actual ${version}`;
  }

  #refusal(
    request: VerifiedRequest,
    event: CheckedEvent,
    storedIn: string | undefined,
    commands: Set<string>,
  ): Line | null {
    const stream = request.tenantId + request.storeId;
    if (event.stage === "refused") return { phase: event.repeated ? 0 : 1, text: event.message };
    if (event.stage === "unproven") return { phase: 1, text: event.message };
    if (storedIn !== undefined) {
      return { phase: 0, text: `Event ID already exists${storedIn === stream ? " with different contents" : ""}` };
    }
    const ref = { tenantId: request.tenantId, agentId: request.agentId, purpose: 1, keyId: event.agentKeyId } as const;
    if (this.#keys.get(nameOf(ref))?.revoked) return { phase: 1, text: "Agent key has been revoked" };
    if (event.commandId !== null) {
      const command = stream + hex(event.commandId);
      const text = `Command ${uuidFromBytes(event.commandId)}`;
      if (commands.has(command)) return { phase: 1, text: `${text} duplicated in batch` };
      commands.add(command);
      if (this.#commands.has(command)) return { phase: 2, text: `${text} already processed` };
    }
    const version = this.#versions.get(entityOf(stream, event)) ?? 0;
    if (event.baseVersion === null || event.baseVersion === String(version)) return null;
    return { phase: 3, text: `Version conflict: expected ${event.baseVersion}, actual ${version}` };
  }

  #append(stream: string, event: VerifiedEvent | AdmittedLegacyEvent): void {
    const sequence = (this.#heads.get(stream) ?? 0) + 1;
    this.#heads.set(stream, sequence);
    const entity = entityOf(stream, event);
    this.#versions.set(entity, (this.#versions.get(entity) ?? 0) + 1);
    if (event.commandId !== null) this.#commands.add(stream + hex(event.commandId));
    this.log.push({ id: hex(event.eventId), stream, sequence, envelope: hex(event.envelope) });
  }

  #command(command: LaneCommand): string {
    if ("by" in command && this.#isRevoked(command.by)) return "INVALID_API_KEY";
    switch (command.kind) {
      case "register_agent_key": {
        const keyId = command.key.keyId ?? this.#highest(command.key) + 1;
        const name = nameOf({ ...command.key, keyId });
        if (command.voucher !== null && !this.#canVouch(command.voucher)) return "AGENT_KEY_NOT_FOUND";
        if (keyId > 2 ** 31 - 1) return "INVALID_FIELD_VALUE";
        if (this.#keys.has(name)) return "ALREADY_EXISTS";
        this.#keys.set(name, { revoked: false, validToMs: command.key.validToMs });
        return `key ${keyId}`;
      }
      case "revoke_agent_key": {
        const key = this.#keys.get(nameOf(command.ref));
        if (key === undefined) return "AGENT_KEY_NOT_FOUND";
        key.revoked = true;
        return `key ${command.ref.keyId}`;
      }
      case "create_api_key":
        if (this.#apiKeys.has(command.key.keyHash)) return "ALREADY_EXISTS";
        this.#apiKeys.set(command.key.keyHash, { revoked: false });
        return command.key.keyHash;
      case "revoke_api_key": {
        const key = this.#apiKeys.get(command.keyHash);
        if (key === undefined) return "RESOURCE_NOT_FOUND";
        key.revoked = true;
        return command.keyHash;
      }
      default:
        throw new Error(`${command.kind} is not modelled here`);
    }
  }

  /** Nothing that a revoked key asked for comes after its revocation. */
  #isRevoked(by: string | null): boolean {
    return by !== null && this.#apiKeys.get(by)?.revoked === true;
  }

  #canVouch(ref: AgentKeyRef): boolean {
    const key = this.#keys.get(nameOf(ref));
    // Those that end have ended long before any chunk.
    return key !== undefined && !key.revoked && key.validToMs === null;
  }

  #highest({ tenantId, agentId, purpose }: Omit<AgentKeyRef, "keyId">): number {
    const ids = [...this.#keys.keys()].map((name) => JSON.parse(name) as [string, string, number, number]);
    const own = ids.filter(([t, a, p]) => t === tenantId && a === agentId && p === purpose);
    return Math.max(0, ...own.map(([, , , keyId]) => keyId));
  }
}

/** Both kinds of event of a stream count up the same entities. */
function entityOf(stream: string, { entityType, entityId }: { entityType: string; entityId: string }): string {
  return JSON.stringify([stream.replace("legacy ", ""), entityType, entityId]);
}
