import type { CheckedRange, Range } from "./check-range.js";

/** What crosses between the audit and its workers. */
export interface AuditWorkerData {
  readonly path: string;
  readonly withSignatures: boolean;
}

/** Null = SQLite's integrity check. */
export type AuditTask = Range | null;

export type AuditResult<T extends AuditTask> = T extends Range ? CheckedRange : string | null;
