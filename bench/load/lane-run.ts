/**
 * The lane alone, in a process of its own: chunks of events that count as verified go through the service's own decisions,
 * receipts and store, flushed, with its checkpointer beside. It measures the lane's rate and makes large logs on the way.
 * What it stores looks like the load's events, but their agent signatures are not real.
 */
import { randomBytes, randomUUID } from "node:crypto";
import { rmSync } from "node:fs";
import { migrationsPath } from "../../src/base/asset-paths.js";
import { type Uuid, uuidFromBytes } from "../../src/base/ids.js";
import { commitChunk } from "../../src/lane/commit-chunk.js";
import type { LaneItem } from "../../src/lane/lane-item.js";
import { OPTIONS } from "../../src/options-table.js";
import type { LaneStore } from "../../src/store/contract.js";
import { lockFolder } from "../../src/store/sqlite/folder-lock.js";
import { openLaneStore } from "../../src/store/sqlite/open-lane-store.js";
import { startWalCheckpointer } from "../../src/store/sqlite/wal-checkpointer.js";
import { WriterPause } from "../../src/store/sqlite/writer-pause.js";
import { selectEd25519 } from "../../src/verify/ed25519-native.js";
import type { VerifiedEvent } from "../../src/verify/verified-request.js";
import { Child, serveSteps } from "../child.js";
import { BenchAgent } from "./signed-requests.js";

const RUN_MS_MAX = 300_000;

/** The bench's end. */
export class LaneRun implements Disposable {
  readonly #child = new Child(import.meta.url);

  get pid(): number {
    return this.#child.pid;
  }

  open(folder: string): Promise<void> {
    return this.#child.ask("open", folder);
  }

  /** Appends so many entries with random ids; returns the milliseconds that the lane's turns took. */
  run(entries: number): Promise<number> {
    return this.#child.ask("run", entries, RUN_MS_MAX);
  }

  /** A fresh log beside, for comparison: the same after a warm-up, and gone afterwards. */
  runFresh(folder: string, warmUp: number, entries: number): Promise<number> {
    return this.#child.ask("runFresh", { folder, warmUp, entries }, RUN_MS_MAX);
  }

  close(): Promise<void> {
    return this.#child.ask("close");
  }

  [Symbol.dispose](): void {
    this.#child[Symbol.dispose]();
  }
}

const CHUNK_REQUESTS = 5;
const REQUEST_EVENTS = 100;
export const CHUNK_EVENTS = CHUNK_REQUESTS * REQUEST_EVENTS;
const AGENTS = 16;

const ed25519 = selectEd25519();

class Log implements AsyncDisposable {
  readonly #lock: Disposable;
  readonly #store: LaneStore;
  readonly #checkpointer: AsyncDisposable;
  readonly #seed = randomBytes(32);
  readonly #sequencer = { sequencerId: randomUUID() as Uuid, publicKey: ed25519.publicKey(this.#seed) };
  readonly #agents = Array.from({ length: AGENTS }, () => new EnvelopeMaker());
  #requests = 0;

  constructor(folder: string) {
    this.#lock = lockFolder(folder);
    const writerPause = WriterPause.allocate();
    const { store } = openLaneStore({
      writerPause,
      ...{ folder, migrationsFolder: migrationsPath("sqlite"), freshLogId: randomUUID() as Uuid },
      ...{ sequencer: this.#sequencer, rejectionsKeptMax: 1, nowMs: Date.now() },
    });
    this.#store = store;
    const policy = {
      walBytesTarget: OPTIONS.WAL_BYTES_TARGET.default,
      walBytesMax: OPTIONS.WAL_BYTES_MAX.default,
      intervalMs: OPTIONS.CHECKPOINT_INTERVAL_MS.default,
    };
    const fail = (error: Error): never => {
      throw error;
    };
    this.#checkpointer = startWalCheckpointer({ folder, policy, writerPause }, () => {}, fail);
  }

  async append(entries: number): Promise<number> {
    let ms = 0;
    for (let made = 0; made < entries; made += CHUNK_EVENTS) {
      const items = Array.from({ length: CHUNK_REQUESTS }, () => this.#request());
      const startedMs = performance.now();
      const sign = (hash: Uint8Array): Uint8Array => ed25519.sign(hash, this.#seed);
      const context = { nowMs: Date.now(), sequencer: this.#sequencer, sign, keyEpoch: 0 };
      const { entries: stored } = await commitChunk(this.#store, items, context);
      ms += performance.now() - startedMs;
      if (stored.length !== CHUNK_EVENTS) throw new Error(`${stored.length} of ${CHUNK_EVENTS} events were stored`);
      // The checkpointer's messages, and a stop, get their turn.
      await new Promise((resolve) => setImmediate(resolve));
    }
    return ms;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#checkpointer[Symbol.asyncDispose]();
    await this.#store[Symbol.asyncDispose]();
    this.#lock[Symbol.dispose]();
  }

  #request(): LaneItem {
    const maker = this.#agents[this.#requests++ % AGENTS]!;
    const { tenantId, storeId, agentId } = maker.agent;
    const events = Array.from({ length: REQUEST_EVENTS }, () => maker.next());
    const ids = { requestId: this.#requests, batchId: randomUUID() as Uuid };
    return { kind: "ingest", request: { ...ids, tenantId, storeId, agentId, keyEpoch: 0, events } };
  }
}

const ID = "00000000-0000-4000-8000-000000000000";
const ENTITY = "order-????????";

/** One signed envelope as text, cut where ids stand: each event gets its own ids and random hash and signature. */
class EnvelopeMaker {
  readonly agent = new BenchAgent();
  readonly #before: string;
  readonly #between: string;
  readonly #after: string;
  #made = 0;

  constructor() {
    const event = { ...this.agent.nextEvent(), event_id: ID, entity_id: ENTITY };
    const text = JSON.stringify(event);
    const [idAt, entityAt] = [text.indexOf(ID), text.indexOf(ENTITY)].sort((a, b) => a - b) as [number, number];
    if (idAt < 0 || text[idAt] !== "0") throw new Error("an envelope names its event before its entity");
    this.#before = text.slice(0, idAt);
    this.#between = text.slice(idAt + ID.length, entityAt);
    this.#after = text.slice(entityAt + ENTITY.length);
  }

  next(): VerifiedEvent {
    const random = randomBytes(16 + 32 + 64);
    const eventId = random.subarray(0, 16);
    const entityId = `order-${String(this.#made++ >> 2).padStart(8, "0")}`;
    const envelope = Buffer.from(this.#before + uuidFromBytes(eventId) + this.#between + entityId + this.#after);
    return {
      stage: "verified",
      ...{ eventId, agentKeyId: 1, entityType: "order", entityId, eventType: "order.confirmed" },
      ...{ commandId: null, baseVersion: null, envelope },
      signingHash: random.subarray(16, 48),
      agentSignature: random.subarray(48, 112),
    };
  }
}

let log: Log | null = null;

serveSteps(import.meta.url, {
  open: (folder: string) => {
    log = new Log(folder);
  },
  run: (entries: number) => log!.append(entries),
  runFresh: async ({ folder, warmUp, entries }: { folder: string; warmUp: number; entries: number }) => {
    const ms = await freshMs(folder, warmUp, entries);
    rmSync(folder, { recursive: true });
    return ms;
  },
  close: async () => {
    await log![Symbol.asyncDispose]();
    log = null;
  },
});

async function freshMs(folder: string, warmUp: number, entries: number): Promise<number> {
  await using fresh = new Log(folder);
  await fresh.append(warmUp);
  return await fresh.append(entries);
}
