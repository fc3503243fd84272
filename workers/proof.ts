/** Proof worker: reads submissions and verifies STARKs, one at a time on one kernels instance. */
import { readFileSync } from "node:fs";
import { constants, setPriority } from "node:os";
import { readSubmission } from "../src/api/proof-body.js";
import { CodedError } from "../src/base/errors.js";
import type { ProofTask, StarkOutcome } from "../src/proofs/proof-workers.js";
import type { ReadOutcome, SubmissionForm } from "../src/proofs/submission.js";
import { Kernels, kernelsUrl } from "../src/stark/kernels.js";
import { verify } from "../src/stark/verify.js";

const kernels = new Kernels(new WebAssembly.Module(readFileSync(kernelsUrl)));

// From now on this thread gets what all others leave. Not while its modules load: the service's start waits for that. Only
// Linux has a priority per thread; elsewhere the call would slow the whole process down.
if (process.platform === "linux") setPriority(constants.priority.PRIORITY_LOW);

export default function work(task: ProofTask): ReadOutcome | StarkOutcome | null {
  switch (task.kind) {
    case "load":
      return null;
    case "read":
      return read(task.form, task.body);
    case "verify":
      return verifyStark(task);
  }
}

function read(form: SubmissionForm, body: Uint8Array): ReadOutcome {
  try {
    return { submission: readSubmission(form, body) };
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    const { code, message, extras } = error;
    return { refused: { code, message, pointer: extras.pointer ?? null } };
  }
}

function verifyStark({ proof, statement, acceptance }: Extract<ProofTask, { kind: "verify" }>): StarkOutcome {
  const startedMs = performance.now();
  const verdict = verify(kernels, proof, statement, acceptance);
  return { verdict, workMs: performance.now() - startedMs };
}
