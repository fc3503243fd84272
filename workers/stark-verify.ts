/** STARK worker: one kernels instance, one proof at a time. `null` asks for nothing but loaded modules. */
import { readFileSync } from "node:fs";
import type { StarkOutcome, StarkTask } from "../src/proofs/stark-verifier.js";
import { Kernels, kernelsUrl } from "../src/stark/kernels.js";
import { verify } from "../src/stark/verify.js";

const kernels = new Kernels(new WebAssembly.Module(readFileSync(kernelsUrl)));

export default function verifyStark(task: StarkTask | null): StarkOutcome | null {
  if (task === null) return null;
  const startedMs = performance.now();
  const verdict = verify(kernels, task.proof, task.statement, task.acceptance);
  return { verdict, workMs: performance.now() - startedMs };
}
