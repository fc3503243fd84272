import type { CheckedRange, Range } from "./check-range.js";

/** What crosses between the audit and its workers. */
export interface AuditWorkerData {
  readonly path: string;
  readonly withSignatures: boolean;
  /** Leaves of the log's tree come with each range. */
  readonly withLeaves: boolean;
}

/** Null = SQLite's integrity check. */
export type AuditTask = Range | null;

export type AuditResult<T extends AuditTask> = T extends Range ? CheckedRange : string | null;
