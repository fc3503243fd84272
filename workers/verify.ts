/** Verify worker: `BatchVerifier` behind a Piscina task; the verified bytes are moved, not copied. */
import { move, transferableSymbol, valueSymbol, workerData } from "piscina";
import { systemClock } from "../src/base/clock.js";
import { BatchVerifier } from "../src/verify/batch-verifier.js";
import type { VerifyTask, VerifyWorkerData } from "../src/verify/verify-task.js";

const verifier = new BatchVerifier(workerData as VerifyWorkerData, systemClock);

export default function verify(task: VerifyTask): unknown {
  const result = verifier.verify(task);
  const { verified, legacy } = result;
  const transfer = legacy === null ? [verified.buffer] : [verified.buffer, legacy.buffer];
  return move({ [transferableSymbol]: transfer, [valueSymbol]: result } as never);
}
