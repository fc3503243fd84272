/** Whole logs made in-process by the real lane and store, without sockets: for tests that look at stored bytes. */
import { randomBytes, randomUUID } from "node:crypto";
import Database from "better-sqlite3";
import { migrationsPath } from "../../src/base/asset-paths.js";
import { toHex } from "../../src/base/bytes.js";
import type { Uuid } from "../../src/base/ids.js";
import { commitChunk } from "../../src/lane/commit-chunk.js";
import type { LaneItem } from "../../src/lane/lane-item.js";
import { signEvent } from "../../src/protocol/agent-event.js";
import { oneByOne } from "../../src/protocol/ed25519.js";
import { encryptPayload, generateEncryptionKeyPair } from "../../src/protocol/encryption.js";
import { type AgentKey, KEY_PURPOSE_SIGNING, type LaneStore } from "../../src/store/contract.js";
import { databasePath } from "../../src/store/sqlite/connection.js";
import { openLaneStore } from "../../src/store/sqlite/open-lane-store.js";
import { selectEd25519 } from "../../src/verify/ed25519-native.js";
import type { Scope } from "../../src/verify/scope.js";
import { verifyRequest } from "../../src/verify/verify-request.js";
import { seededRandom } from "./load.js";

export interface MadeLog {
  readonly head: number;
  readonly sequencerPublicKey: Uint8Array;
  readonly agentKeys: ReadonlyMap<string, Uint8Array>;
}

const ed25519 = selectEd25519();
const NOW_MS = Date.UTC(2026, 10, 20);
const AGENTS = 4;
const BATCH_EVENTS = 50;
const CHUNK_BATCHES = 10;

/** A log, or more of the one in `folder`, under a new sequencer. `encrypted`: how many events are sealed. Every tenth event names a command, every seventh an entity version, every thirteenth an entity whose id needs escapes. `generationPlaces`: as the store's own option. */
export async function makeLog(
  folder: string,
  events: number,
  encrypted = 0,
  whileOpen: () => void = () => {},
  generationPlaces?: number,
): Promise<MadeLog> {
  const random = seededRandom(events);
  const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, () => Math.floor(random() * 256));
  await using lane = openMadeLog(folder, bytes(32), generationPlaces);
  const { context, sequencer, commit } = lane;
  const agents = Array.from({ length: AGENTS }, () => new MadeAgent(bytes(32)));
  await commit(agents.map(({ key }) => ({ kind: "register_agent_key", requestId: 0, key, voucher: null, by: null })));

  let items: LaneItem[] = [];
  for (let made = 0; made < events; ) {
    const agent = agents[Math.floor(random() * AGENTS)]!;
    const size = Math.min(BATCH_EVENTS, events - made);
    items.push({ kind: "ingest", request: await agent.request(size, Math.max(0, encrypted - made), context.nowMs) });
    made += size;
    if (items.length < CHUNK_BATCHES && made < events) continue;
    await commit(items);
    items = [];
  }
  whileOpen();
  const agentKeys = new Map(agents.map(({ agentId, key }) => [agentId as string, key.publicKey]));
  return { head: events, sequencerPublicKey: sequencer.publicKey, agentKeys };
}

/**
 * One more event in the log of `folder`, and once more: what a lane does that does not see another's places. All else about
 * the second is as it must be.
 */
export async function makeEventTwice(folder: string): Promise<void> {
  const agent = new MadeAgent(randomBytes(32));
  // Its first names a command and a version, which are taken once.
  await agent.request(1, 0, NOW_MS);
  const request = await agent.request(1, 0, NOW_MS);
  for (const before of [
    [{ kind: "register_agent_key", requestId: 0, key: agent.key, voucher: null, by: null }],
    [],
  ] as LaneItem[][]) {
    await using lane = openMadeLog(folder, randomBytes(32));
    await lane.commit([...before, { kind: "ingest", request }]);
    if (before.length > 0) hideRecentPlaces(folder);
  }
  const db = new Database(databasePath(folder));
  db.exec("INSERT INTO recent_places SELECT * FROM hidden_places; DROP TABLE hidden_places");
  db.close();
}

function hideRecentPlaces(folder: string): void {
  const db = new Database(databasePath(folder));
  db.exec("CREATE TABLE hidden_places AS SELECT * FROM recent_places; DELETE FROM recent_places");
  db.close();
}

function openMadeLog(folder: string, signingSeed: Uint8Array, generationPlaces?: number) {
  const sequencer = { sequencerId: randomUUID() as Uuid, publicKey: ed25519.publicKey(signingSeed) };
  const { store } = openLaneStore({
    ...{ folder, migrationsFolder: migrationsPath("sqlite"), freshLogId: randomUUID() as Uuid },
    ...{ sequencer, rejectionsKeptMax: 100, nowMs: NOW_MS },
    ...(generationPlaces === undefined ? {} : { generationPlaces }),
  });
  const context = {
    ...{ sequencer, keyEpoch: 0, nowMs: NOW_MS },
    sign: (hash: Uint8Array) => ed25519.sign(hash, signingSeed),
  };
  const commit = (items: LaneItem[]) => commitChunk(store as LaneStore, items, { ...context, nowMs: context.nowMs++ });
  return { context, sequencer, commit, [Symbol.asyncDispose]: async () => store[Symbol.asyncDispose]() };
}

class MadeAgent {
  readonly agentId = randomUUID() as Uuid;
  readonly tenantId = randomUUID() as Uuid;
  readonly storeId = randomUUID() as Uuid;
  readonly key: AgentKey;
  readonly #versions = new Map<string, number>();
  readonly #recipient = generateEncryptionKeyPair();
  #made = 0;

  constructor(readonly seed: Uint8Array) {
    const { tenantId, agentId } = this;
    const never = { validFromMs: null, validToMs: null, revokedAtMs: null, revokeReason: null, createdAtMs: NOW_MS };
    const publicKey = ed25519.publicKey(seed);
    this.key = { tenantId, agentId, purpose: KEY_PURPOSE_SIGNING, keyId: 1, publicKey, ...never };
  }

  /** Verified by the service's own code; its signature, made a line above, is taken as read. */
  async request(size: number, encrypted: number, nowMs: number) {
    const events = [];
    for (let at = 0; at < size; at++) events.push(await this.#event(at < encrypted));
    const body = Buffer.from(JSON.stringify({ agentId: this.agentId, events }));
    const outcome = verifyRequest(
      { requestId: 1, batchId: randomUUID() as Uuid, scope: ADMIN, body },
      {
        limits: { eventsPerBatchMax: BATCH_EVENTS, eventPayloadBytesMax: 1 << 20 },
        rules: { entityTypes: [], futureMsMax: 3_600_000, isSchemaRequired: false },
        ed25519: oneByOne({ ...ed25519, verify: () => true }),
        ...{ nowMs, keyEpoch: 0, findKey: () => this.key },
      },
    );
    if (outcome.kind !== "verified") throw new Error(`not verified: ${JSON.stringify(outcome)}`);
    return outcome.request;
  }

  async #event(isEncrypted: boolean) {
    const made = this.#made++;
    const entityId = made % 13 === 12 ? `"order"\\ №${made % 1000}` : `order-${made % 1000}`;
    const version = this.#versions.get(entityId) ?? 0;
    this.#versions.set(entityId, version + 1);
    const fields = {
      ...{ tenantId: this.tenantId, storeId: this.storeId, sourceAgentId: this.agentId, agentKeyId: 1 },
      ...{ eventId: randomUUID() as Uuid, entityType: "order", entityId, eventType: `order.step-${made % 5}` },
      createdAt: new Date(NOW_MS).toISOString(),
      ...(made % 10 === 0 ? { commandId: randomUUID() as Uuid } : {}),
      ...(made % 7 === 0 ? { baseVersion: version } : {}),
    };
    const note = made % 11 === 0 ? 'Zoë "the 🦊"\n' : "plain";
    const payload = {
      total: 10.5 + made,
      currency: "EUR",
      note,
      lines: [{ sku: toHex(this.seed.subarray(0, 4)), n: made }],
    };
    if (!isEncrypted) return signEvent({ ...fields, payload }, this.seed, ed25519);
    const { publicKey } = await this.#recipient;
    const sealed = await encryptPayload({ payload, aadFields: fields, recipients: [{ kid: 1, publicKey }] });
    return signEvent({ ...fields, ...sealed }, this.seed, ed25519);
  }
}

const ADMIN: Scope = { tenantId: null, storeIds: [], agentId: null, canRead: true, canWrite: true, canAdmin: true };
