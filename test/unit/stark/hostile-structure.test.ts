import { describe, expect, it } from "vitest";
import type { RefusalCode } from "../../../src/stark/refusal.js";
import { PROOF_BYTES_MAX } from "../../../src/stark/v2/proof-parser.js";
import { verify } from "../../../src/stark/verify.js";
import { ACCEPT_ALL, fixtureProof, fixtureStatement, newKernels } from "./fixtures.js";
import { layoutOf, type ProofPieces, putTogether, takeApart } from "./proof-surgery.js";

const kernels = newKernels();

function codeOf(name: string, proof: Uint8Array): RefusalCode | "VALID" {
  const verdict = verify(kernels, proof, fixtureStatement(name), ACCEPT_ALL);
  return verdict.valid ? "VALID" : verdict.code;
}

function altered(name: string, change: (pieces: ProofPieces) => void): RefusalCode | "VALID" {
  const pieces = takeApart(fixtureProof(name));
  change(pieces);
  return codeOf(name, putTogether(pieces));
}

const swapFirstTwo = (rows: Uint8Array[]): void => {
  [rows[0], rows[1]] = [rows[1]!, rows[0]!];
};
const zeros = (length: number): Uint8Array => new Uint8Array(length);

describe("structural attacks on an otherwise honest proof (section 11.2)", () => {
  it("the surgery itself is lossless", () => {
    for (const name of ["c_default", "c_secure", "b8", "b8s"]) expect(altered(name, () => {})).toBe("VALID");
  });

  const cases: [what: string, change: (pieces: ProofPieces) => void, code: RefusalCode][] = [
    ["trace rows swapped", (p) => swapFirstTwo(p.queries[0]!.rows), "OPENING_INVALID"],
    ["constraint rows swapped", (p) => swapFirstTwo(p.queries[1]!.rows), "OPENING_INVALID"],
    ["FRI rows swapped", (p) => swapFirstTwo(p.friLayers[0]!.rows), "OPENING_INVALID"],
    [
      "row duplicated and counted",
      (p) => {
        p.uniqueQueries++;
        for (const query of p.queries) query.rows.push(query.rows[17]!);
      },
      "PROOF_MALFORMED",
    ],
    ["no queries", (p) => (p.uniqueQueries = 0), "PROOF_MALFORMED"],
    ["255 queries", (p) => (p.uniqueQueries = 255), "PROOF_MALFORMED"],
    ["extra digest in a slot", (p) => p.queries[0]!.opening.slots[2]!.push(zeros(32)), "OPENING_INVALID"],
    ["extra digest in a FRI slot", (p) => p.friLayers[0]!.opening.slots[0]!.push(zeros(32)), "OPENING_INVALID"],
    ["missing digest", (p) => p.queries[1]!.opening.slots[0]!.pop(), "OPENING_INVALID"],
    ["extra slot", (p) => p.queries[0]!.opening.slots.push([]), "PROOF_MALFORMED"],
    ["depth plus one", (p) => p.queries[0]!.opening.depth++, "PROOF_MALFORMED"],
    ["depth minus one", (p) => p.queries[1]!.opening.depth--, "PROOF_MALFORMED"],
    ["FRI depth plus one", (p) => p.friLayers[1]!.opening.depth++, "PROOF_MALFORMED"],
    ["extra FRI row", (p) => p.friLayers[1]!.rows.push(p.friLayers[1]!.rows[0]!), "FRI_LAYER_INCONSISTENT"],
    ["missing FRI row", (p) => p.friLayers[1]!.rows.pop(), "FRI_LAYER_INCONSISTENT"],
    ["missing FRI layer", (p) => p.friLayers.pop(), "PROOF_MALFORMED"],
    ["longer remainder", (p) => (p.remainder = Uint8Array.of(...p.remainder, ...zeros(32))), "PROOF_MALFORMED"],
    ["longer commitments", (p) => (p.commitments = Uint8Array.of(...p.commitments, ...zeros(32))), "PROOF_MALFORMED"],
    ["auxiliary random elements", (p) => (p.head[2] = 1), "CONTEXT_MISMATCH"],
    ["wider trace", (p) => (p.head[0] = 254), "CONTEXT_MISMATCH"],
    ["longer trace", (p) => p.head[3]!++, "PROOF_MALFORMED"],
    ["partitions", (p) => (p.head[21] = 2), "OPTIONS_NOT_ACCEPTED"],
    ["cubic extension", (p) => (p.head[18] = 3), "OPTIONS_NOT_ACCEPTED"],
  ];
  it.each(cases)("%s", (_what, change, code) => {
    expect(altered("b8", change)).toBe(code);
  });

  it("an empty slot nobody reads, where the count of rows leaves room for it", () => {
    expect(altered("c_default", (p) => p.queries[0]!.opening.slots.push([]))).toBe("OPENING_INVALID");
  });

  it("more bytes than the library reads", () => {
    expect(codeOf("c_default", new Uint8Array(PROOF_BYTES_MAX + 1))).toBe("PROOF_TOO_LARGE");
  });

  it("a batch of another size, before any arithmetic", () => {
    const verdict = verify(kernels, fixtureProof("b8"), fixtureStatement("b1"), ACCEPT_ALL);
    expect(verdict).toMatchObject({ code: "CONTEXT_MISMATCH" });
  });

  it("fewer rows than distinct positions", () => {
    const found = altered("c_default", (p) => {
      p.uniqueQueries--;
      for (const query of p.queries) query.rows.pop();
    });
    expect(found).toBe("QUERY_COUNT_MISMATCH");
  });

  it("a row that repeats an earlier one needs a query that was never drawn", () => {
    const found = altered("b1", (p) => {
      for (const query of p.queries) query.rows[17] = query.rows[16]!;
    });
    expect(found).toBe("OPENING_INVALID");
  });

  it("trailing bytes, a gkr blob and a partition byte: accepted by the original, refused here", () => {
    const proof = fixtureProof("c_default");
    expect(codeOf("c_default", Uint8Array.of(...proof, 0))).toBe("PROOF_TRAILING_BYTES");
    const gkr = Uint8Array.of(...proof.slice(0, -1), 1, 3, 0xaa);
    expect(codeOf("c_default", gkr)).toBe("PROOF_MALFORMED");
    const partitions = proof.slice();
    partitions[44_596] = 1;
    expect(codeOf("c_default", partitions)).toBe("PROOF_MALFORMED");
  });

  it("a length prefix longer than it need be", () => {
    const proof = fixtureProof("c_default");
    const at = 122;
    const length = (proof[at]! | (proof[at + 1]! << 8) | (proof[at + 2]! << 16)) >>> 3;
    const wide = 2 * length + 1;
    const prefix = [wide * 8, Math.floor((wide * 8) / 256), Math.floor((wide * 8) / 65_536), 0].map((b) => b % 256);
    const longer = Uint8Array.of(...proof.slice(0, at), ...prefix, ...proof.slice(at + 3));
    expect(codeOf("c_default", longer)).toBe("PROOF_MALFORMED");
  });

  it("an element written as itself plus p", () => {
    const proof = fixtureProof("c_default");
    const view = new DataView(proof.buffer);
    const layout = layoutOf(proof);
    const regions = [
      [layout.oodTraceAt, 496],
      [layout.traceRowsAt, 18 * 248],
      [layout.remainderAt, 16],
    ] as const;
    let tried = 0;
    for (const [at, count] of regions) {
      for (let i = 0; i < count; i++) {
        const value = view.getBigUint64(at + 8 * i, true);
        if (value >= 2n ** 32n - 1n) continue;
        view.setBigUint64(at + 8 * i, value + 0xffffffff00000001n, true);
        expect(codeOf("c_default", proof)).not.toBe("VALID");
        view.setBigUint64(at + 8 * i, value, true);
        tried++;
      }
    }
    expect(tried).toBeGreaterThan(10);
    view.setBigUint64(layout.oodTraceAt, 0xffffffff00000001n, true);
    expect(codeOf("c_default", proof)).toBe("NON_CANONICAL_ELEMENT");
  });
});
