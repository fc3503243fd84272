/**
 * The processors' limit: what the unavoidable work of one event costs with nothing around it, through the service's own
 * functions. Left out on purpose, because it is what a service adds: transport, hand-off between threads, answers, flush.
 */
import { randomBytes, randomUUID } from "node:crypto";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { BOOTSTRAP_SCOPE } from "../src/auth/principal.js";
import { migrationsPath } from "../src/base/asset-paths.js";
import type { Uuid } from "../src/base/ids.js";
import { eventSigningHash } from "../src/protocol/event-signing.js";
import { payloadPlainHash } from "../src/protocol/payload-hash.js";
import { receiptHash } from "../src/protocol/receipt.js";
import { type Connection, openWriter } from "../src/store/sqlite/connection.js";
import { openLaneStore } from "../src/store/sqlite/open-lane-store.js";
import { selectEd25519 } from "../src/verify/ed25519-native.js";
import { tableEd25519 } from "../src/verify/ed25519-tables.js";
import { type IngestBody, readIngestBody } from "../src/verify/ingest-body.js";
import { BenchAgent } from "./load/signed-requests.js";
import { median } from "./statistics.js";

/** Microseconds of CPU time per event. */
export interface KernelCosts {
  /** By the library, as any service could. */
  readonly verify: number;
  /** With the signer's table (`src/verify/ed25519-tables.ts`), the signatures of a body together. */
  readonly verifyKnown: number;
  readonly sign: number;
  /** Strict JSON read, canonical payload, both hashes; an event alone in its body. */
  readonly readSingle: number;
  /** The same in a body of 100 events. */
  readonly readBatch: number;
  /** One row into the log's own schema in transactions of 256 that are not flushed. */
  readonly insert: number;
}

const LIMITS = { eventsPerBatchMax: 1000, eventPayloadBytesMax: 1024 * 1024 };
const BATCH = 100;
/** Events of the bodies that are read in turn. */
const BODIES = 1_000;
const CHUNK = 256;
const ENVELOPE_BYTES = 900;
const SLICES = 5;

const ed25519 = selectEd25519();
const tables = tableEd25519();

export class Kernels {
  readonly #agent = new BenchAgent();
  /** Distinct, as a service gets them: the engine knows a text again that it has read before. */
  readonly #singles = Array.from({ length: BODIES }, () => this.#agent.nextBody(1));
  readonly #batches = Array.from({ length: BODIES / BATCH }, () => this.#agent.nextBody(BATCH));
  readonly #events = readIngestBody(this.#batches[0]!, BOOTSTRAP_SCOPE, LIMITS).events.map(({ fields }) => fields);
  readonly #signingHashes = this.#events.map(eventSigningHash);
  readonly #checks = this.#events.map((event, index) => ({
    signature: event.agentSignature,
    message: this.#signingHashes[index]!,
    publicKey: this.#agent.publicKey,
  }));
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = join(folder, "kernels");
  }

  /** `ms` for each kernel, in alternating slices; the medians of the slices. */
  measure(ms: number): KernelCosts {
    // A fresh log each time: the cost of its rows must not grow with the rounds.
    mkdirSync(this.#folder);
    const db = openUnflushed(this.#folder, this.#agent.publicKey);
    const insert = inserter(db);
    const costs = Array.from({ length: SLICES }, () => this.#measureOnce(ms / SLICES, insert));
    db.close();
    rmSync(this.#folder, { recursive: true });
    const of = (kernel: keyof KernelCosts): number => median(costs.map((cost) => cost[kernel]));
    return {
      verify: of("verify"),
      verifyKnown: of("verifyKnown"),
      sign: of("sign"),
      readSingle: of("readSingle"),
      readBatch: of("readBatch"),
      insert: of("insert"),
    };
  }

  #measureOnce(ms: number, insert: (count: number) => void): KernelCosts {
    const { publicKey, seed } = this.#agent;
    return {
      verify: costUs(ms, BATCH, () => {
        this.#events.forEach((event, index) => {
          if (!ed25519.verify(event.agentSignature, this.#signingHashes[index]!, publicKey)) throw new Error("forged");
        });
      }),
      verifyKnown: costUs(ms, BATCH, () => {
        if (tables.verifyAll(this.#checks).includes(false)) throw new Error("forged");
      }),
      sign: costUs(ms, BATCH, () => {
        this.#events.forEach(({ tenantId, storeId, eventId }, index) => {
          const claim = {
            tenantId,
            storeId,
            eventId,
            sequenceNumber: index,
            eventSigningHash: this.#signingHashes[index]!,
          };
          ed25519.sign(receiptHash(claim), seed);
        });
      }),
      readSingle: costUs(ms, BODIES, () => this.#singles.forEach(readAndHash)),
      readBatch: costUs(ms, BODIES, () => this.#batches.forEach(readAndHash)),
      insert: costUs(ms, CHUNK, () => insert(CHUNK)),
    };
  }
}

/** Events per second that `cores` cores could do if they did nothing else. The library verifies: the machine's limit. */
export function coreLimit(costs: KernelCosts, isBatch: boolean, cores: number): number {
  return (cores * 1_000_000) / kernelSumUs(costs, isBatch);
}

/** The kernels as the service uses them for signers that all have a table. */
export function withTables(costs: KernelCosts): KernelCosts {
  return { ...costs, verify: costs.verifyKnown };
}

export function kernelSumUs(costs: KernelCosts, isBatch: boolean): number {
  return costs.verify + costs.sign + costs.insert + (isBatch ? costs.readBatch : costs.readSingle);
}

function readAndHash(bytes: Uint8Array): void {
  const body: IngestBody = readIngestBody(bytes, BOOTSTRAP_SCOPE, LIMITS);
  for (const { fields, payloadText } of body.events) {
    payloadPlainHash(payloadText);
    eventSigningHash(fields);
  }
}

/**
 * Microseconds of CPU time per event: whole calls of `run`, each of `events` events, until `ms` have passed. CPU time, not
 * the clock's: a neighbour that takes the processor for a while must not make the limit look lower than it is.
 */
function costUs(ms: number, events: number, run: () => void): number {
  const startedMs = performance.now();
  const startedCpu = process.cpuUsage();
  let calls = 0;
  do {
    run();
    calls++;
  } while (performance.now() - startedMs < ms);
  const { user, system } = process.cpuUsage(startedCpu);
  return (user + system) / (calls * events);
}

/** The log's own schema on a connection that never flushes: the cost of the rows alone. */
function openUnflushed(folder: string, publicKey: Uint8Array): Connection {
  const sequencer = { sequencerId: randomUUID() as Uuid, publicKey };
  const freshLogId = randomUUID() as Uuid;
  const migrationsFolder = migrationsPath("sqlite");
  const founded = openLaneStore({ folder, migrationsFolder, freshLogId, sequencer, rejectionsKeptMax: 1, nowMs: 1 });
  void founded.store[Symbol.asyncDispose]();
  const db = openWriter(folder);
  db.pragma("synchronous = OFF");
  return db;
}

/** Named columns, so that a column added to the log later does not end the bench. References are not checked here. */
const INSERT = `INSERT INTO entries ("offset", kind, stream_ref, sequence_number, event_id, entity_ref, event_type_ref,
  sequenced_at_ms, sequencer_ref, signing_hash, agent_signature, receipt_signature, envelope)
  VALUES (?, 0, 1, ?, ?, ?, 1, 1, 1, ?, ?, ?, ?)`;

function inserter(db: Connection): (count: number) => void {
  const [begin, insert, commit] = [db.prepare("BEGIN IMMEDIATE"), db.prepare(INSERT), db.prepare("COMMIT")];
  const [hash, signature, envelope] = [randomBytes(32), randomBytes(64), randomBytes(ENVELOPE_BYTES)];
  let offset = 0;
  return (count) => {
    const ids = randomBytes(16 * count);
    begin.run();
    for (let i = 0; i < count; i++) {
      const id = ids.subarray(i * 16, i * 16 + 16);
      insert.run(offset, offset + 1, id, offset >> 2, hash, signature, signature, envelope);
      offset++;
    }
    commit.run();
  };
}
