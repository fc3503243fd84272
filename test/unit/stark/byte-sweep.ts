/** Every change, cut and extension of an honest proof must be refused: the campaign, in the size the run asks for. */
import { describe, expect, it } from "vitest";
import type { Kernels } from "../../../src/stark/kernels.js";
import type { Air } from "../../../src/stark/v2/air.js";
import { parseProof } from "../../../src/stark/v2/proof-parser.js";
import { verifyProof } from "../../../src/stark/v2/verifier.js";
import { airOf, verify } from "../../../src/stark/verify.js";
import { ACCEPT_ALL, fixtureProof, fixtureStatement, newKernels } from "./fixtures.js";
import { concat, framingOffsets } from "./proof-surgery.js";

/** `full`: every byte with all 255 masks, every length. `bits`: the same with each single bit. Otherwise a sample. */
const SWEEP = process.env.STARK_SWEEP ?? "sample";
const isFull = SWEEP !== "sample";
const STEP = isFull ? 1 : 61;
const SINGLE_BITS = [0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80];
const ALL_MASKS = Array.from({ length: 255 }, (_, i) => i + 1);
const MASKS = SWEEP === "full" ? ALL_MASKS : SWEEP === "bits" ? SINGLE_BITS : [0x01, 0x80];
const TIMEOUT_MS = isFull ? 24 * 3_600_000 : 60_000;
/** Between two turns of the event loop: the runner wants to hear from a test that takes hours. */
const CHANGES_PER_TURN = 8192;

/** What `verify` does under any profile, with the statement's AIR built once: for batches that is a third of the work. */
function isAccepted(kernels: Kernels, air: Air, proof: Uint8Array): boolean {
  const layout = parseProof(proof);
  return !("code" in layout) && verifyProof(kernels, air, proof, layout) === null;
}

/** The tests of one fixture. Each prints what it counted when the run is a full one. */
export function describeSweep(name: string): void {
  const kernels = newKernels();
  const proof = fixtureProof(name);
  const statement = fixtureStatement(name);
  const air = airOf(kernels, statement);
  const framing = framingOffsets(proof);
  // Lengths and options first: what breaks a parser shows at once.
  const offsets = [...framing, ...Array.from(proof.keys()).filter((at) => at % STEP === 0 && !framing.has(at))];

  describe(`every change of ${name} is refused`, () => {
    it("honest bytes are accepted, by the sweep's verifier too", () => {
      expect(isAccepted(kernels, air, proof)).toBe(true);
      expect(verify(kernels, proof, statement, ACCEPT_ALL).valid).toBe(true);
    });

    it(
      "one byte changed",
      async () => {
        const survivors: string[] = [];
        const changed = proof.slice();
        let changes = 0;
        const tenth = Math.ceil(offsets.length / 10);
        for (const [done, at] of offsets.entries()) {
          if (done > 0 && done % tenth === 0) report(`${name}: ${done} of ${offsets.length} bytes, ${changes} changes`);
          for (const mask of MASKS) {
            changed[at] = proof[at]! ^ mask;
            if (isAccepted(kernels, air, changed)) survivors.push(`${at}^${mask}`);
            if (++changes % CHANGES_PER_TURN === 0) await new Promise(setImmediate);
          }
          changed[at] = proof[at]!;
        }
        expect(survivors).toEqual([]);
        report(`${name}: ${changes} changes of ${offsets.length} bytes refused`);
      },
      TIMEOUT_MS,
    );

    it(
      "cut short at any length",
      () => {
        const survivors = offsets.filter((length) => isAccepted(kernels, air, proof.subarray(0, length)));
        expect(survivors).toEqual([]);
        report(`${name}: ${offsets.length} truncations refused`);
      },
      TIMEOUT_MS,
    );

    it("extended by any byte, by zeros, by itself, or in front", () => {
      const tails = [
        ...Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte)),
        ...Array.from({ length: 64 }, (_, i) => new Uint8Array(i + 2)),
        proof,
      ];
      const extended = [...tails.map((tail) => concat([proof, tail])), concat([Uint8Array.of(0), proof])];
      expect(extended.filter((bytes) => isAccepted(kernels, air, bytes)).length).toBe(0);
      report(`${name}: ${extended.length} extensions refused`);
    });
  });
}

function report(line: string): void {
  if (isFull) process.stdout.write(`${line}\n`);
}
