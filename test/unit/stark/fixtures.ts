import { readFileSync } from "node:fs";
import { Kernels, kernelsUrl } from "../../../src/stark/kernels.js";
import type { BatchStatement, ComplianceStatement, Statement } from "../../../src/stark/statement.js";
import type { Acceptance } from "../../../src/stark/verify.js";

/** Honest proofs of the original prover; `.txt` holds the public elements and canonical inputs beside each `.bin`. */
export const COMPLIANCE_FIXTURES = ["c_default", "c_fast", "c_secure"] as const;
export const BATCH_FIXTURES = ["b1", "b8", "b8s"] as const;
export const FIXTURES = [...COMPLIANCE_FIXTURES, ...BATCH_FIXTURES] as const;

export const ACCEPT_ALL: Acceptance = { profiles: ["default", "secure", "fast"] };

const folder = new URL("../../vectors/stark/", import.meta.url);
const module = new WebAssembly.Module(readFileSync(kernelsUrl));

export function newKernels(memoryBytesMax?: number): Kernels {
  return new Kernels(module, memoryBytesMax);
}

export function fixtureProof(name: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(`${name}.bin`, folder)));
}

/** One `key=value` line of a fixture's text. */
export function fixtureText(name: string, key: string): string {
  const line = readFileSync(new URL(`${name}.txt`, folder), "utf8").match(new RegExp(`^${key}=(.*)$`, "m"));
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
