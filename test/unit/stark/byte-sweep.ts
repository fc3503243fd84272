/**
 * Changes, cuts and extensions of an honest proof must be refused: a sample, each through the public `verify` and through
 * the sweep that tries them all (`npm run test:stark-sweep`).
 */
import { describe, expect, it } from "vitest";
import { verify } from "../../../src/stark/verify.js";
import { type Choice, ProofSweep, type Unit } from "../../stark-sweep/proof-sweep.js";
import { ACCEPT_ALL, fixtureProof, fixtureStatement, newKernels } from "./fixtures.js";
import { framingOffsets, layoutOf, regionsOf } from "./proof-surgery.js";

const STEP = 61;
const MASKS = [0x01, 0x80];

function run(sweep: ProofSweep, kinds: readonly Unit["kind"][], isTried: (at: number) => boolean) {
  const choice: Choice = { isTried, isSampled: () => true };
  const tallies = sweep.units.filter(({ kind }) => kinds.includes(kind)).map((unit) => sweep.run(unit, choice));
  const changes = tallies.reduce((sum, tally) => sum + tally.changes, 0);
  return { changes, accepted: tallies.flatMap((tally) => tally.accepted) };
}

/** The tests of one fixture. */
export function describeSweep(name: string): void {
  const proof = fixtureProof(name);
  const framing = framingOffsets(proof);
  const isTried = (at: number): boolean => at % STEP === 0 || framing.has(at);
  const tried = Array.from(proof.keys()).filter(isTried).length;
  const sweep = new ProofSweep(name, MASKS);

  describe(`every change of ${name} is refused`, () => {
    it("one byte changed", () => {
      expect(run(sweep, ["bytes", "row", "digest"], isTried)).toEqual({ changes: tried * MASKS.length, accepted: [] });
    });

    it("cut short at any length", () => {
      expect(run(sweep, ["cuts"], isTried)).toEqual({ changes: tried, accepted: [] });
    });

    it("extended by any byte, by zeros, by itself, or in front", () => {
      expect(run(sweep, ["extensions"], () => true)).toEqual({ changes: 322, accepted: [] });
    });

    it("rows and openings are read by one step: whatever they hold, parser and transcript find what they found before", () => {
      const filled = proof.slice();
      for (const { at, itemBytes, items, commitment } of regionsOf(layoutOf(proof))) {
        if (commitment !== null) filled.fill(0xff, at, at + itemBytes * items);
      }
      expect(layoutOf(filled)).toEqual(layoutOf(proof));
      const verdict = verify(newKernels(), filled, fixtureStatement(name), ACCEPT_ALL);
      expect(verdict).toEqual({ valid: false, code: "OPENING_INVALID", detail: "trace" });
    });

    it("the sweep covers every byte once, and reports what is accepted: a change by nothing", () => {
      const unchanged = new ProofSweep(name, [0]);
      const { changes, accepted } = run(unchanged, ["bytes", "row", "digest"], (at) => at % (16 * STEP) === 0);
      expect(changes).toBe(Math.ceil(proof.length / (16 * STEP)));
      expect(accepted).toHaveLength(changes);
      const bytes = sweep.units.filter(({ kind }) => kind === "bytes" || kind === "row" || kind === "digest");
      const covered = bytes.flatMap(({ from, to }) => Array.from({ length: to - from }, (_, i) => from + i));
      expect(covered.sort((a, b) => a - b)).toEqual([...proof.keys()]);
    });
  });
}
