import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { type TreeHead, verifyConsistency, verifyInclusion } from "../../../src/protocol/tlog-proof.js";
import {
  consistencyProof,
  EMPTY_ROOT,
  inclusionProof,
  leafHash,
  nodeHash,
  type TreeNodes,
  treeRoot,
} from "../../../src/protocol/tlog-tree.js";
import { seededRandom } from "../../support/load.js";

/** RFC 6962 trees against the RFC's own recursion, and every proof against every way of being wrong. */

const SIZE_MAX = 1100;
const SEED = 20_251;

const sha = (...parts: Uint8Array[]): Uint8Array => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
};

const records = Array.from({ length: SIZE_MAX }, (_, i) => new TextEncoder().encode(`entry ${i}`));
const leaves = records.map(leafHash);

/** MTH of RFC 6962 §2.1, word for word. */
function mth(data: readonly Uint8Array[]): Uint8Array {
  if (data.length === 0) return sha();
  if (data.length === 1) return sha(Uint8Array.of(0), data[0]!);
  let k = 1;
  while (k * 2 < data.length) k *= 2;
  return sha(Uint8Array.of(1), mth(data.slice(0, k)), mth(data.slice(k)));
}

/** Roots by the binary counter, checked against `mth` below, so that all sizes are cheap. */
const roots: Uint8Array[] = [EMPTY_ROOT];
for (let size = 1, stack: { hash: Uint8Array; height: number }[] = []; size <= SIZE_MAX; size++) {
  stack = [...stack, { hash: leaves[size - 1]!, height: 0 }];
  while (stack.length > 1 && stack.at(-1)!.height === stack.at(-2)!.height) {
    const [left, right] = stack.splice(-2);
    stack.push({ hash: nodeHash(left!.hash, right!.hash), height: left!.height + 1 });
  }
  roots.push(
    stack.reduceRight(
      (right, { hash }, at) => (at === stack.length - 1 ? hash : nodeHash(hash, right)),
      stack[0]!.hash,
    ),
  );
}

const cache = new Map<string, Uint8Array>();
const nodes: TreeNodes = {
  node(height, index) {
    if (height === 0) return leaves[index]!;
    const name = `${height}/${index}`;
    const known = cache.get(name);
    if (known !== undefined) return known;
    const hash = nodeHash(nodes.node(height - 1, index * 2), nodes.node(height - 1, index * 2 + 1));
    cache.set(name, hash);
    return hash;
  },
};

/** `expect` costs more than the proofs it would judge. */
function holds(value: boolean): void {
  if (!value) throw new Error("a proof was judged wrongly");
}

const head = (size: number): TreeHead => ({ size, root: roots[size]! });

function flipped(hash: Uint8Array): Uint8Array {
  const copy = hash.slice();
  copy[copy.length - 1]! ^= 1;
  return copy;
}

/** Every proof that differs from this one in one place. */
function* mutations(proof: readonly Uint8Array[]): Generator<Uint8Array[]> {
  for (let at = 0; at < proof.length; at++) {
    yield proof.map((hash, i) => (i === at ? flipped(hash) : hash));
    yield proof.filter((_, i) => i !== at);
    yield proof.map((hash, i) => (i === at ? hash.slice(0, 31) : hash));
    yield [...proof.slice(0, at), proof[at]!, ...proof.slice(at)];
  }
  yield [...proof, leaves[0]!];
  yield [leaves[0]!, ...proof];
  if (proof.length > 1) yield [...proof].reverse();
}

describe("the log's tree", () => {
  it("has the roots of RFC 6962 at every size", () => {
    expect(EMPTY_ROOT).toEqual(sha());
    for (let size = 0; size <= SIZE_MAX; size++) {
      expect(treeRoot(nodes, size)).toEqual(roots[size]);
      if (size < 130 || size % 97 === 0 || Math.log2(size) % 1 === 0)
        expect(roots[size]).toEqual(mth(records.slice(0, size)));
    }
  });

  it("proves every leaf of every small tree, and no other leaf, index, size or root", () => {
    for (let size = 1; size <= 40; size++) {
      for (let index = 0; index < size; index++) {
        const proof = inclusionProof(nodes, index, size);
        const leaf = leaves[index]!;
        holds(verifyInclusion(leaf, index, proof, head(size)) === true);
        for (let other = 0; other <= size + 1; other++) {
          if (other !== index) holds(verifyInclusion(leaf, other, proof, head(size)) === false);
          if (other !== size) holds(verifyInclusion(leaf, index, proof, { size, root: roots[other]! }) === false);
        }
        for (const wrong of mutations(proof)) holds(verifyInclusion(leaf, index, wrong, head(size)) === false);
        holds(verifyInclusion(flipped(leaf), index, proof, head(size)) === false);
        holds(verifyInclusion(leaf.slice(1), index, proof, head(size)) === false);
      }
    }
  });

  it("proves leaves of every tree up to 1,100", () => {
    const random = seededRandom(SEED);
    for (let size = 41; size <= SIZE_MAX; size++) {
      const some = [0, size - 1, size >> 1, Math.floor(random() * size), Math.floor(random() * size)];
      for (const index of some) {
        const proof = inclusionProof(nodes, index, size);
        holds(verifyInclusion(leaves[index]!, index, proof, head(size)) === true);
        expect(proof.length).toBeLessThanOrEqual(Math.ceil(Math.log2(size)));
        const wrong = [...mutations(proof)];
        const chosen = wrong[Math.floor(random() * wrong.length)]!;
        holds(verifyInclusion(leaves[index]!, index, chosen, head(size)) === false);
        holds(verifyInclusion(leaves[index]!, (index + 1) % size, proof, head(size)) === false);
      }
    }
  });

  it("proves every small tree consistent with every larger one, and with nothing else", () => {
    for (let to = 0; to <= 40; to++) {
      for (let from = 0; from <= to; from++) {
        const proof = consistencyProof(nodes, from, to);
        holds(verifyConsistency(head(from), head(to), proof) === true);
        const forked = { size: from, root: flipped(roots[from]!) };
        holds(verifyConsistency(forked, head(to), proof) === false);
        // Every tree begins with the empty one.
        const isAnyRootFine = from === 0 && to > 0;
        holds(verifyConsistency(head(from), { size: to, root: flipped(roots[to]!) }, proof) === isAnyRootFine);
        if (from > 0 && from < to) {
          for (const wrong of mutations(proof)) holds(verifyConsistency(head(from), head(to), wrong) === false);
        } else holds(verifyConsistency(head(from), head(to), [leaves[0]!]) === false);
        if (to > from) holds(verifyConsistency(head(to), head(from), proof) === false);
      }
    }
  });

  it("proves consistency of every tree up to 1,100", () => {
    const random = seededRandom(SEED);
    for (let to = 41; to <= SIZE_MAX; to++) {
      for (const from of [1, to - 1, to >> 1, 1 + Math.floor(random() * (to - 1))]) {
        const proof = consistencyProof(nodes, from, to);
        holds(verifyConsistency(head(from), head(to), proof) === true);
        const wrong = [...mutations(proof)];
        holds(verifyConsistency(head(from), head(to), wrong[Math.floor(random() * wrong.length)]!) === false);
        holds(verifyConsistency({ size: from, root: roots[from - 1]! }, head(to), proof) === false);
      }
    }
  });

  it("takes numbers no tree has for what they are", () => {
    const proof = inclusionProof(nodes, 3, 7);
    for (const bad of [-1, 0.5, Number.NaN, 2 ** 53, Number.POSITIVE_INFINITY]) {
      holds(verifyInclusion(leaves[3]!, bad, proof, head(7)) === false);
      holds(verifyInclusion(leaves[3]!, 3, proof, { size: bad, root: roots[7]! }) === false);
      holds(verifyConsistency({ size: bad, root: roots[3]! }, head(7), consistencyProof(nodes, 3, 7)) === false);
    }
    holds(verifyInclusion(leaves[0]!, 0, [], { size: 0, root: EMPTY_ROOT }) === false);
    expect(() => inclusionProof(nodes, 7, 7)).toThrow();
    expect(() => consistencyProof(nodes, 8, 7)).toThrow();
  });
});
