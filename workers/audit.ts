/** Audit worker: a read-only connection of its own; ranges of offsets in, columns for the order check out. */
import { workerData } from "piscina";
import type { AuditTask, AuditWorkerData } from "../src/audit/audit-task.js";
import { RangeChecker } from "../src/audit/check-range.js";
import { checkIntegrity } from "../src/audit/check-tables.js";
import { openReaderOf } from "../src/store/sqlite/connection.js";
import { tableEd25519 } from "../src/verify/ed25519-tables.js";

const { path, withSignatures, withLeaves } = workerData as AuditWorkerData;
const db = openReaderOf(path);
let checker: RangeChecker | null = null;

export default function audit(task: AuditTask): unknown {
  if (task === null) return checkIntegrity(db);
  checker ??= new RangeChecker(db, withSignatures ? tableEd25519() : null, withLeaves);
  return checker.check(task);
}
