/**
 * Re-derives a whole log from its stored bytes, on a live database or on a copy, without writing. Ranges of entries go to
 * worker threads, their results come back in order. While a service writes, the audit follows it; the rest and the tables
 * are judged in one last snapshot. Memory: that of `OrderCheck`, plus the ranges in flight.
 */
import { Piscina } from "piscina";
import { workerPath } from "../base/asset-paths.js";
import type { TreeHead } from "../protocol/tlog-proof.js";
import type { LogIdentity } from "../store/contract.js";
import { type Connection, openReaderOf } from "../store/sqlite/connection.js";
import { countEntries, readLogIdentity } from "../store/sqlite/log-identity.js";
import { tableEd25519 } from "../verify/ed25519-tables.js";
import type { Finding } from "./audit-fault.js";
import type { AuditResult, AuditTask, AuditWorkerData } from "./audit-task.js";
import { type CheckedRange, type Range, RangeChecker } from "./check-range.js";
import { checkIntegrity, checkTables } from "./check-tables.js";
import { OrderCheck } from "./order-check.js";
import { TreeCheck } from "./tree-check.js";

export interface AuditOptions {
  /** The database file. */
  readonly path: string;
  readonly withSignatures: boolean;
  readonly threads: number;
  /** Entries the log must have at least, from a witness outside of it: a lost tail leaves no other trace. */
  readonly headMin: number;
  /** A signed head of the log's tree, kept outside of it: its entries must be those that were signed, to the byte. */
  readonly checkpoint?: TreeHead | undefined;
  onProgress(checked: number, head: number): void;
}

export interface AuditReport {
  readonly identity: LogIdentity | null;
  /** Entries that hold, from offset 0 on. */
  readonly entries: number;
  readonly streams: number;
  readonly entities: number;
  /** Empty = the log is sound. */
  readonly findings: readonly Finding[];
}

/** What holds from one entry to the next: of the order, and of the log's tree if there is a checkpoint to hold it against. */
class EntriesCheck {
  readonly order = new OrderCheck();
  readonly tree: TreeCheck | null;

  constructor({ checkpoint }: AuditOptions) {
    this.tree = checkpoint === undefined ? null : new TreeCheck(checkpoint);
  }

  /** Takes the range that comes next. Returns the first bad entry of it. */
  take(range: CheckedRange): Finding | null {
    const finding = this.order.take(range);
    if (finding === null) this.tree?.take(range);
    return finding;
  }
}

const RANGE_ENTRIES = 2048;

/** Ranges a worker has ahead of it, so that it never waits for the order check. */
const RANGES_AHEAD = 3;

/** Rounds of catching up with a service that writes before the rest is read in one snapshot, however long it is. */
const ROUNDS_MAX = 16;

/** What cannot be read as a log, or is not there, is a finding too: it never rejects. */
export async function auditLog(options: AuditOptions): Promise<AuditReport> {
  const entries = new EntriesCheck(options);
  const { order } = entries;
  const findings: Finding[] = [];
  let identity: LogIdentity | null = null;
  try {
    using db = disposable(openReaderOf(options.path));
    identity = readLogIdentity(db.connection);
    // A short log is read sooner than threads start.
    if (countEntries(db.connection) >= RANGE_ENTRIES) await auditWithThreads(db.connection, entries, options, findings);
    else auditHere(db.connection, entries, options, findings);
  } catch (error) {
    findings.push({ offset: null, message: `the log cannot be read: ${(error as Error).message}` });
  }
  return { identity, entries: order.nextOffset, streams: order.streams, entities: order.entities, findings };
}

async function auditWithThreads(
  db: Connection,
  entries: EntriesCheck,
  options: AuditOptions,
  findings: Finding[],
): Promise<void> {
  const { path, withSignatures, threads, checkpoint } = options;
  const workerData: AuditWorkerData = { path, withSignatures, withLeaves: checkpoint !== undefined };
  const count = { minThreads: threads, maxThreads: threads, idleTimeout: Number.POSITIVE_INFINITY };
  const pool = new Piscina({ filename: workerPath("audit"), workerData, ...count });
  try {
    const integrity = run(pool, null);
    integrity.catch(() => {});
    const finding = (await followLog(db, pool, entries, options)) ?? judgeRest(db, entries, options, findings);
    if (finding !== null) findings.unshift(finding);
    addDamage(findings, await integrity);
  } finally {
    await pool.destroy();
  }
}

function auditHere(db: Connection, entries: EntriesCheck, options: AuditOptions, findings: Finding[]): void {
  const finding = judgeRest(db, entries, options, findings);
  if (finding !== null) findings.unshift(finding);
  addDamage(findings, checkIntegrity(db));
}

function addDamage(findings: Finding[], message: string | null): void {
  if (message !== null) findings.push({ offset: null, message });
}

function disposable(connection: Connection): Disposable & { readonly connection: Connection } {
  return { connection, [Symbol.dispose]: () => connection.close() };
}

/** Checks range after range until the head is near. Returns the first bad entry. */
async function followLog(
  db: Connection,
  pool: Piscina,
  entries: EntriesCheck,
  options: AuditOptions,
): Promise<Finding | null> {
  const { order } = entries;
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const head = countEntries(db);
    if (head - order.nextOffset < RANGE_ENTRIES) return null;
    const inFlight: Promise<CheckedRange>[] = [];
    const ranges = rangesBetween(order.nextOffset, head);
    const ahead = (): void => {
      const next = ranges.next();
      if (!next.done) inFlight.push(run(pool, next.value));
    };
    for (let count = options.threads * RANGES_AHEAD; count > 0; count--) ahead();
    for (let next = inFlight.shift(); next !== undefined; next = inFlight.shift()) {
      next.catch(() => {});
      const finding = entries.take(await next);
      if (finding !== null) {
        await Promise.allSettled(inFlight);
        return finding;
      }
      options.onProgress(order.nextOffset, head);
      ahead();
    }
  }
  return null;
}

/** The entries left and the tables, in one snapshot. */
function judgeRest(db: Connection, entries: EntriesCheck, options: AuditOptions, findings: Finding[]): Finding | null {
  const { order, tree } = entries;
  const headMin = Math.max(options.headMin, options.checkpoint?.size ?? 0);
  return db.transaction(() => {
    const head = countEntries(db);
    const checker = new RangeChecker(db, options.withSignatures ? tableEd25519() : null, tree !== null);
    for (const range of rangesBetween(order.nextOffset, head)) {
      const finding = entries.take(checker.check(range));
      if (finding !== null) return finding;
      options.onProgress(order.nextOffset, head);
    }
    const other = tree?.finding() ?? null;
    if (head < headMin) {
      findings.push({ offset: head, message: `the log ends here; it was known to have ${headMin} entries` });
    } else if (other !== null) findings.push(other);
    findings.push(...checkTables(db, order));
    return null;
  })();
}

function* rangesBetween(from: number, to: number): Generator<Range, undefined> {
  for (let at = from; at < to; at += RANGE_ENTRIES) yield { from: at, to: Math.min(at + RANGE_ENTRIES, to) };
}

function run<T extends AuditTask>(pool: Piscina, task: T): Promise<AuditResult<T>> {
  return pool.run(task) as Promise<AuditResult<T>>;
}
