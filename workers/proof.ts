/** Proof worker: reads submissions and verifies STARKs, one at a time on one kernels instance. */
import { readFileSync } from "node:fs";
import { readSubmission } from "../src/api/proof-body.js";
import { CodedError } from "../src/base/errors.js";
import { answerTasks, lowerThreadPriority } from "../src/base/thread-tasks.js";
import type { ReadOutcome, SubmissionForm } from "../src/proofs/proof-submission.js";
import type { ProofTask, StarkOutcome } from "../src/proofs/proof-workers.js";
import { Kernels, kernelsUrl } from "../src/stark/kernels.js";
import { verify } from "../src/stark/verify.js";

const kernels = new Kernels(new WebAssembly.Module(readFileSync(kernelsUrl)));

/** The lowest: proofs get what all others leave. */
const NICE_INCREMENT = 19;

function work(task: ProofTask): ReadOutcome | StarkOutcome {
  return task.kind === "read" ? read(task.form, task.body) : verifyStark(task);
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

lowerThreadPriority(NICE_INCREMENT);
answerTasks<ProofTask>((task) => ({ value: work(task) }));
