/**
 * All changes of one honest proof, and what the verifier says to each.
 *
 * Nine bytes of ten are queried rows and digests of their openings. Before the algebra one step reads them: `areCommitted`,
 * which hashes a row and merges it with its siblings up to the committed root. The verifier accepts what passes every step,
 * so one step that refuses settles a change. For these bytes the sweep computes that step alone, with the verifier's own
 * plan and kernels, for all values of a byte side by side; nodes that no changed byte flows into are those of the honest
 * proof. Every other change goes through parser and verifier whole.
 *
 * Against a sweep that refuses by mistake: the honest value of every byte runs in the first lane and must reach the root,
 * and a sample of the changes goes through the public `verify`, which must answer with the same code.
 */
import type { Kernels, Pointer } from "../../src/stark/kernels.js";
import type { RefusalCode } from "../../src/stark/refusal.js";
import type { Statement } from "../../src/stark/statement.js";
import type { Air } from "../../src/stark/v2/air.js";
import { replayTranscript } from "../../src/stark/v2/challenges.js";
import { type MergeLevel, mergeLevel, runMerges } from "../../src/stark/v2/merkle-opening.js";
import { parseProof } from "../../src/stark/v2/proof-parser.js";
import { areCommitted, type OpenedRows, planOpenings } from "../../src/stark/v2/query-openings.js";
import { verifyProof } from "../../src/stark/v2/verifier.js";
import { airOf, verify } from "../../src/stark/verify.js";
import { ACCEPT_ALL, fixtureProof, fixtureStatement, newKernels } from "../unit/stark/fixtures.js";
import { concat, framingOffsets, layoutOf, regionsOf } from "../unit/stark/proof-surgery.js";

/** A piece of the sweep, done or not done: some bytes to change, some lengths to cut at, or all extensions. */
export interface Unit {
  /** Names it in a progress file. */
  readonly key: string;
  readonly section: string;
  readonly kind: "row" | "digest" | "bytes" | "cuts" | "extensions";
  /** Offsets, lengths, or indices of extensions. */
  readonly from: number;
  readonly to: number;
  /** What a row or digest is opened against, as in `Region`. */
  readonly commitment: number | null;
}

export interface Tally {
  changes: number;
  /** How many of them the public `verify` judged too. */
  sampled: number;
  /** Must stay empty. */
  readonly accepted: string[];
}

/** Which changes are tried, and which of these go through `verify` as well. */
export interface Choice {
  isTried(at: number): boolean;
  isSampled(): boolean;
}

/** The verifier's answer; null if it accepts. */
type Answer = RefusalCode | null;

const BYTES_PER_UNIT = 64;
const CUTS_PER_UNIT = 4096;

export class ProofSweep {
  readonly units: readonly Unit[];
  readonly #name: string;
  readonly #masks: readonly number[];
  readonly #proof: Uint8Array;
  readonly #statement: Statement;
  readonly #air: Air;
  readonly #extensions: readonly Uint8Array[];
  /** Holds the honest proof and the nodes of its openings; whole verifications have an instance of their own. */
  readonly #kernels: Kernels;
  readonly #verifying: Kernels;
  readonly #base: Pointer;
  readonly #opened: readonly OpenedRows[];

  /** `masks` are what a byte is changed by (exclusive or). Throws if the fixture itself is refused. */
  constructor(name: string, masks: readonly number[]) {
    this.#name = name;
    this.#masks = masks;
    this.#proof = fixtureProof(name);
    this.#statement = fixtureStatement(name);
    this.#kernels = newKernels();
    this.#verifying = newKernels();
    this.#air = airOf(this.#verifying, this.#statement);
    this.#extensions = extensionsOf(this.#proof);
    this.units = unitsOf(name, this.#proof, this.#extensions.length);
    const layout = layoutOf(this.#proof);
    this.#base = this.#kernels.putBytes(this.#proof);
    const challenges = replayTranscript(this.#kernels, this.#air, layout, this.#base);
    if ("code" in challenges) throw new Error(`${name}: ${challenges.code}`);
    const opened = planOpenings(this.#kernels, layout, this.#base, challenges.positions);
    if ("code" in opened || !opened.every((rows) => areCommitted(this.#kernels, rows))) {
      throw new Error(`${name}: the honest rows are not the committed ones`);
    }
    this.#opened = opened;
    if (this.#whole(this.#proof) !== null || this.#public(this.#proof) !== null) throw new Error(`${name} is refused`);
  }

  /** How many changes a unit has. */
  changesOf({ kind, from, to }: Unit): number {
    return (to - from) * (kind === "cuts" || kind === "extensions" ? 1 : this.#masks.length);
  }

  /** Throws if the sweep's verdict on a change is not that of `verify`. */
  run(unit: Unit, choice: Choice): Tally {
    const tally: Tally = { changes: 0, sampled: 0, accepted: [] };
    switch (unit.kind) {
      case "row":
      case "digest":
        this.#runOpened(unit, choice, tally);
        break;
      case "bytes":
        this.#runBytes(unit, choice, tally);
        break;
      default: {
        const isCut = unit.kind === "cuts";
        for (let i = unit.from; i < unit.to; i++) {
          const bytes = isCut ? this.#proof.subarray(0, i) : this.#extensions[i]!;
          if (choice.isTried(i)) this.#judge(`${unit.section} ${i}`, this.#whole(bytes), bytes, choice, tally);
        }
      }
    }
    return tally;
  }

  #runBytes(unit: Unit, choice: Choice, tally: Tally): void {
    const changed = this.#proof.slice();
    for (let at = unit.from; at < unit.to; at++) {
      if (!choice.isTried(at)) continue;
      for (const mask of this.#masks) {
        changed[at] = this.#proof[at]! ^ mask;
        this.#judge(`${at}^${mask}`, this.#whole(changed), changed, choice, tally);
      }
      changed[at] = this.#proof[at]!;
    }
  }

  /** One row, or one digest of an opening. Lane 0 keeps the honest value, lane i + 1 takes mask i. */
  #runOpened(unit: Unit, choice: Choice, tally: Tally): void {
    const kernels = this.#kernels;
    const rows = this.#opened[unit.commitment!]!;
    const length = unit.to - unit.from;
    const lanes = this.#masks.length + 1;
    const changed = this.#proof.slice();
    const mark = kernels.mark();
    const copies = kernels.alloc(length * lanes);
    for (let lane = 0; lane < lanes; lane++) {
      kernels.bytes(copies + lane * length, length).set(this.#proof.subarray(unit.from, unit.to));
    }
    const isRow = unit.kind === "row";
    const source = this.#base + unit.from;
    const digest = isRow ? rows.leaves + (32 * (source - rows.rowsAt)) / rows.rowBytes : source;
    const digests = isRow ? kernels.alloc(32 * lanes) : copies;
    const levels = mergesAbove(kernels, rows.levels, digest, digests, lanes);
    const cells = kernels.bytes(copies, length * lanes);
    for (let at = unit.from; at < unit.to; at++) {
      if (!choice.isTried(at)) continue;
      const honest = this.#proof[at]!;
      const cell = at - unit.from;
      for (const [i, mask] of this.#masks.entries()) cells[(i + 1) * length + cell] = honest ^ mask;
      if (isRow) kernels.call.hashRows(digests, copies, length, lanes);
      const roots = runMerges(kernels, levels);
      if (!kernels.digestsEqual(roots, rows.root)) throw new Error(`${unit.key}: the honest byte ${at} is refused`);
      for (const [i, mask] of this.#masks.entries()) {
        const isRoot = kernels.digestsEqual(roots + 32 * (i + 1), rows.root);
        changed[at] = honest ^ mask;
        this.#judge(`${at}^${mask}`, isRoot ? this.#whole(changed) : "OPENING_INVALID", changed, choice, tally);
        cells[(i + 1) * length + cell] = honest;
      }
      changed[at] = honest;
    }
    kernels.release(mark);
  }

  #judge(what: string, answer: Answer, bytes: Uint8Array, choice: Choice, tally: Tally): void {
    tally.changes++;
    if (answer === null) tally.accepted.push(what);
    if (!choice.isSampled()) return;
    tally.sampled++;
    const answerOfVerify = this.#public(bytes);
    if (answerOfVerify !== answer) {
      throw new Error(`${this.#name} ${what}: the sweep says ${answer}, verify says ${answerOfVerify}`);
    }
  }

  /** Parser and verifier, with the statement's AIR built once. */
  #whole(bytes: Uint8Array): Answer {
    const layout = parseProof(bytes);
    if ("code" in layout) return layout.code;
    return verifyProof(this.#verifying, this.#air, () => this.#air, bytes, layout)?.code ?? null;
  }

  #public(bytes: Uint8Array): Answer {
    const verdict = verify(this.#verifying, bytes, this.#statement, ACCEPT_ALL);
    return verdict.valid ? null : verdict.code;
  }
}

/**
 * What the merges of an opening that `digest` flows into become for `lanes` alternatives of it, which lie one after the
 * other at `digests`: each level has one node per alternative, with the honest sibling.
 */
function mergesAbove(
  kernels: Kernels,
  levels: readonly MergeLevel[],
  digest: Pointer,
  digests: Pointer,
  lanes: number,
): MergeLevel[] {
  const above: MergeLevel[] = [];
  let [honest, changed] = [digest, digests];
  for (const { nodes, children, count } of levels) {
    const addresses = kernels.words(children, 2 * count);
    const at = addresses.indexOf(honest);
    if (at < 0) continue;
    const sibling = addresses[at ^ 1]!;
    const own = Array.from({ length: lanes }, (_, lane) => changed + 32 * lane);
    above.push(
      mergeLevel(
        kernels,
        own.flatMap((address) => (at % 2 === 0 ? [address, sibling] : [sibling, address])),
      ),
    );
    honest = nodes + 32 * (at >> 1);
    changed = above.at(-1)!.nodes;
  }
  if (above.length === 0 || honest !== levels.at(-1)!.nodes) throw new Error("a digest that leads to no root");
  return above;
}

/** Framing first: what breaks a parser shows at once. */
function unitsOf(name: string, proof: Uint8Array, extensions: number): Unit[] {
  const units: Unit[] = [];
  const add = (
    section: string,
    kind: Unit["kind"],
    from: number,
    to: number,
    commitment: number | null = null,
  ): void => {
    units.push({ key: `${name}/${section}/${from}`, section, kind, from, to, commitment });
  };
  const addInPieces = (section: string, kind: Unit["kind"], from: number, to: number, size: number): void => {
    for (let at = from; at < to; at += size) add(section, kind, at, Math.min(at + size, to));
  };
  for (const at of framingOffsets(proof)) add("framing and nonce", "bytes", at, at + 1);
  addInPieces("cut short", "cuts", 0, proof.length, CUTS_PER_UNIT);
  add("extended", "extensions", 0, extensions);
  for (const { section, at, itemBytes, items, commitment } of regionsOf(layoutOf(proof))) {
    if (commitment === null) addInPieces(section, "bytes", at, at + itemBytes * items, BYTES_PER_UNIT);
    else {
      const kind = section.endsWith("rows") ? "row" : "digest";
      for (let item = 0; item < items; item++) {
        add(section, kind, at + item * itemBytes, at + (item + 1) * itemBytes, commitment);
      }
    }
  }
  return units;
}

/** By any byte, by zeros, by itself, and one byte in front. */
function extensionsOf(proof: Uint8Array): Uint8Array[] {
  const tails = [
    ...Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte)),
    ...Array.from({ length: 64 }, (_, i) => new Uint8Array(i + 2)),
    proof,
  ];
  return [...tails.map((tail) => concat([proof, tail])), concat([Uint8Array.of(0), proof])];
}
