/**
 * What one stream must answer and hold (ves-protocol §5-6), kept beside the service while it is fed: exact replays,
 * duplicate ids and commands, entity versions, numbers.
 */
import { createHash } from "node:crypto";
import type { Judged, SignedEvent } from "./judge.js";

export interface Expected {
  readonly accepted: readonly string[];
  readonly replayed: readonly string[];
  /** `event id: reason class`, sorted. */
  readonly rejected: readonly string[];
}

export class StreamModel {
  /** Accepted event ids, in order, and what an exact replay of each looks like. */
  readonly events = new Map<string, string>();
  readonly #receipts = new Map<string, string>();
  readonly #commands = new Set<string>();
  readonly #versions = new Map<string, number>();

  /** Decides a request of events none of which is malformed. */
  decide(events: readonly Exclude<Judged, { kind: "malformed" }>[]): Expected {
    const accepted: string[] = [];
    const replayed: string[] = [];
    const rejected: string[] = [];
    const ids = new Set<string>();
    const commands = new Set<string>();
    for (const event of events) {
      const outcome = ids.has(event.id) ? "duplicate_event_id" : this.#outcome(event, commands);
      ids.add(event.id);
      if (outcome === "accepted") accepted.push(event.id);
      else if (outcome === "replayed") replayed.push(event.id);
      else rejected.push(`${event.id}: ${outcome}`);
    }
    return { accepted, replayed, rejected: rejected.sort() };
  }

  #outcome(event: Exclude<Judged, { kind: "malformed" }>, commands: Set<string>): string {
    if (event.kind === "rejected") return event.reason;
    const stored = this.events.get(event.id);
    if (stored !== undefined) return stored === event.normal ? "replayed" : "duplicate_event_id";
    return this.#orderProblem(event, commands) ?? this.#accept(event);
  }

  #orderProblem({ commandId, baseVersion, entity }: SignedEvent, commands: Set<string>): string | null {
    if (commandId !== null) {
      const isTaken = commands.has(commandId) || this.#commands.has(commandId);
      commands.add(commandId);
      if (isTaken) return "duplicate_command_id";
    }
    const isCurrent = baseVersion === null || baseVersion === String(this.#versions.get(entity) ?? 0);
    return isCurrent ? null : "version_conflict";
  }

  #accept({ id, normal, commandId, entity }: SignedEvent): string {
    this.events.set(id, normal);
    if (commandId !== null) this.#commands.add(commandId);
    this.#versions.set(entity, (this.#versions.get(entity) ?? 0) + 1);
    return "accepted";
  }

  /** False when an event's receipt was another one before. */
  sameReceipt(eventId: string, receipt: string): boolean {
    const digest = createHash("sha256").update(receipt).digest("base64");
    const known = this.#receipts.get(eventId);
    if (known === undefined) this.#receipts.set(eventId, digest);
    return known === undefined || known === digest;
  }
}
