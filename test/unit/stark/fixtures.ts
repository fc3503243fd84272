import { readFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../../../src/base/asset-paths.js";
import { fromHex } from "../../../src/base/bytes.js";
import { parseUuid, uuidToBytes } from "../../../src/base/ids.js";
import { makeAmountBinding } from "../../../src/stark/amount-binding.js";
import { boundInputsHash, type ComplianceInputs, parseComplianceInputs } from "../../../src/stark/compliance-inputs.js";
import { isExactJsonObject, parseExactJson } from "../../../src/stark/exact-json.js";
import { bytesToLimbs } from "../../../src/stark/field.js";
import { Kernels, kernelsUrl } from "../../../src/stark/kernels.js";
import type { BatchStatement, ComplianceStatement, Statement } from "../../../src/stark/statement.js";
import { batchInputs } from "../../../src/stark/v2/batch-statement.js";
import { type BatchEvent, type BatchWitness, batchWitness } from "../../../src/stark/v2/batch-witness.js";
import type { Acceptance } from "../../../src/stark/verify.js";
import { commitAmount, commitmentToHex } from "../../../src/stark/witness-commitment.js";

/** Honest proofs of the original prover; `.txt` holds the public elements and canonical inputs beside each `.bin`. */
export const COMPLIANCE_FIXTURES = ["c_default", "c_fast", "c_secure"] as const;
export const BATCH_FIXTURES = ["b1", "b8", "b8s"] as const;
export const FIXTURES = [...COMPLIANCE_FIXTURES, ...BATCH_FIXTURES] as const;

export const ACCEPT_ALL: Acceptance = { profiles: ["default", "secure", "fast"] };

const folder = join(packageRoot, "test", "vectors", "stark");
const module = new WebAssembly.Module(readFileSync(kernelsUrl));

export function newKernels(memoryBytesMax?: number): Kernels {
  return new Kernels(module, memoryBytesMax);
}

export function fixtureProof(name: string): Uint8Array {
  return new Uint8Array(readFileSync(join(folder, `${name}.bin`)));
}

/** One `key=value` line of a fixture's text. */
export function fixtureText(name: string, key: string): string {
  const line = readFileSync(join(folder, `${name}.txt`), "utf8").match(new RegExp(`^${key}=(.*)$`, "m"));
  return line![1]!;
}

export function fixtureStatement(name: string): Statement {
  const elements = fixtureText(name, "pi").split(",").map(BigInt);
  return name.startsWith("c_") ? complianceStatement(elements) : batchStatement(elements);
}

export function complianceStatement(elements: readonly bigint[]): ComplianceStatement {
  return {
    proofVersion: 2,
    kind: "compliance",
    effectiveLimit: elements[0]!,
    inputElements: elements.slice(1, 48),
    witnessCommitment: elements.slice(48),
  };
}

export function batchStatement(elements: readonly bigint[]): BatchStatement {
  return { proofVersion: 2, kind: "batch", publicElements: elements };
}

/** The events behind the batch fixtures: ids counting up in the last byte, amounts from 1000, sequence from 42. */
export function batchEventsOf(kernels: Kernels, count: number): BatchEvent[] {
  const json = parseExactJson(fixtureText("c_default", "canon"));
  if (!isExactJsonObject(json)) throw new Error("fixture");
  const { amountBindingHash: _, ...unbound } = json;
  return Array.from({ length: count }, (_, i): BatchEvent => {
    const eventId = parseUuid(`123e4567-e89b-12d3-a456-42661417400${i}`)!;
    const amount = 1000n + BigInt(i);
    const event: ComplianceInputs = { ...parseComplianceInputs(unbound), eventId, sequenceNumber: 42n + BigInt(i) };
    const witnessCommitment = commitmentToHex(commitAmount(kernels, amount));
    const bindingHash = makeAmountBinding(event, amount).bindingHash;
    const bound = { ...event, witnessCommitment, amountBindingHash: bindingHash };
    return {
      eventId: bytesToLimbs(uuidToBytes(eventId)),
      amount,
      inputHash: bytesToLimbs(fromHex(boundInputsHash(bound), 32)!),
    };
  });
}

/** The witness of the original's default batch fixture of `count` events. */
export function batchWitnessOf(kernels: Kernels, count: number): BatchWitness {
  const header = batchInputs(fixtureStatement("b1") as BatchStatement);
  return batchWitness(kernels, header, batchEventsOf(kernels, count));
}
