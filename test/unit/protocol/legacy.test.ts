import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { toHex } from "../../../src/base/bytes.js";
import type { Uuid } from "../../../src/base/ids.js";
import { legacyPayloadHash, legacyPayloadText } from "../../../src/protocol/legacy-event.js";
import {
  buildLegacyTree,
  legacyLeaf,
  legacyNode,
  verifyLegacyInclusion,
  verifyLegacyPath,
} from "../../../src/protocol/legacy-merkle.js";
import { legacyClimb, modelLegacyRoot } from "../../support/legacy-model.js";
import golden from "../../vectors/ves-golden.json" with { type: "json" };

/** The payload text, leaf and tree of legacy events, against golden values and a model that shares no code. */

const TENANT = "00000000-0000-0000-0000-000000000001" as Uuid;
const STORE = "00000000-0000-0000-0000-000000000002" as Uuid;
const leafOf = (index: number): Buffer => createHash("sha256").update(`leaf ${index}`).digest();

describe("payload text", () => {
  test.each([
    ['{ "reason":"test", "delta":100 }', '{"delta":100,"reason":"test"}'],
    ["[100,100.0,1e2,1.50,-0,0,-0.0,0e5]", "[100,100.0,100.0,1.5,-0.0,0,-0.0,0.0]"],
    ["[18446744073709551615,18446744073709551616]", "[18446744073709551615,1.8446744073709552e19]"],
    ["[-9223372036854775808,-9223372036854775809]", "[-9223372036854775808,-9.223372036854776e18]"],
    ["[1e15,1e16,123456789012345680.0,1e-5,1e-6,0.00001234]", null],
    ["[1e300,5e-324,1.7976931348623157e308]", "[1e300,5e-324,1.7976931348623157e308]"],
    ['{"b":1,"a":{"z":[],"y":{}},"b":2}', '{"a":{"y":{},"z":[]},"b":2}'],
    ['{"\\ud83e\\udd8a":1,"\\uff5e":2,"\\u00e9":3}', '{"é":3,"～":2,"🦊":1}'],
    ['"\\u0041\\u000a\\u001f\\/\\u007f"', '"A\\n\\u001f/\u007f"'],
    [" null ", "null"],
    ["[true , false,null ]", "[true,false,null]"],
  ])("%s", (json, text) => {
    const expected = text ?? "[1000000000000000.0,1e16,1.2345678901234568e17,0.00001,1e-6,0.00001234]";
    expect(legacyPayloadText(json)).toBe(expected);
    // What was written once is written the same again: the audit relies on it.
    expect(legacyPayloadText(expected)).toBe(expected);
  });

  test.each(["", "{", '{"a"}', "01", "1.", "[1,]", '"\ud800"', '"\\ud800"', "nul", "1e999", "1 2"])(
    "refuses %j",
    (json) => {
      expect(() => legacyPayloadText(json)).toThrow();
    },
  );

  test("has the golden hash and leaf", () => {
    const hash = legacyPayloadHash(legacyPayloadText('{"reason":"test","delta":100}'));
    expect(toHex(hash)).toBe(golden["G3 legacy payload_hash"]);
    const leaf = legacyLeaf({
      ...{ tenantId: TENANT, storeId: STORE, sequenceNumber: 1, payloadHash: hash },
      ...{ entityType: "order", entityId: "order-1" },
    });
    expect(toHex(leaf)).toBe(golden["G3 legacy leaf seq 1"]);
  });
});

describe("tree", () => {
  test("every leaf of every size 1..130 and some larger ones is proven, with and without the size, and nowhere else", () => {
    for (const leafCount of [...Array.from({ length: 130 }, (_, at) => at + 1), 1000, 1023, 1025]) {
      const leaves = Array.from({ length: leafCount }, (_, at) => leafOf(at));
      const tree = buildLegacyTree(leaves);
      const eventsRoot = tree.root;
      expect(toHex(eventsRoot)).toBe(modelLegacyRoot(leaves).toString("hex"));
      const step = leafCount > 200 ? 13 : 1;
      for (let leafIndex = 0; leafIndex < leafCount; leafIndex += step) {
        const path = tree.path(leafIndex);
        const leafHash = tree.leaf(leafIndex);
        const siblings = path.map((hash) => Buffer.from(hash));
        expect(legacyClimb(leaves[leafIndex]!, leafIndex, leafCount, siblings)?.equals(eventsRoot)).toBe(true);
        const proof = { leafHash, leafIndex, leafCount, path, eventsRoot };
        expect(verifyLegacyInclusion(proof)).toBe(true);
        expect(verifyLegacyPath(proof), `leaf ${leafIndex} of ${leafCount} without its size`).toBe(true);
        expect(climbDirections(leafHash, path, tree.directions(leafIndex))).toBe(toHex(eventsRoot));
        expect(verifyLegacyInclusion({ ...proof, leafHash: leafOf(-1) })).toBe(false);
        expect(verifyLegacyPath({ ...proof, leafHash: leafOf(-1) })).toBe(false);
      }
    }
  });

  test("refuses every other index, size, sibling, order and length", () => {
    for (let leafCount = 2; leafCount <= 40; leafCount++) {
      const tree = buildLegacyTree(Array.from({ length: leafCount }, (_, at) => leafOf(at)));
      for (let leafIndex = 0; leafIndex < leafCount; leafIndex++) {
        const proof = {
          ...{
            leafHash: tree.leaf(leafIndex),
            leafIndex,
            leafCount,
            path: tree.path(leafIndex),
            eventsRoot: tree.root,
          },
        };
        for (let other = 0; other <= leafCount; other++) {
          if (other !== leafIndex) expect(verifyLegacyInclusion({ ...proof, leafIndex: other })).toBe(false);
        }
        proof.path.forEach((_, at) => {
          const path = proof.path.map((hash, index) => (index === at ? leafOf(-1) : hash));
          expect(verifyLegacyInclusion({ ...proof, path })).toBe(false);
          expect(verifyLegacyPath({ ...proof, path })).toBe(false);
        });
        const shorter = proof.path.slice(0, -1);
        const longer = [...proof.path, leafOf(-1)];
        for (const path of [shorter, longer]) {
          expect(verifyLegacyInclusion({ ...proof, path })).toBe(false);
          expect(verifyLegacyPath({ ...proof, path })).toBe(false);
        }
      }
    }
  });

  test.each([
    ["a fraction as index", { leafIndex: 0.5 }],
    ["a negative index", { leafIndex: -1 }],
    ["an index beyond the leaves", { leafIndex: 2 }],
    ["an index beyond u32", { leafIndex: 2 ** 40 }],
    ["no leaves", { leafCount: 0 }],
    ["too many leaves", { leafCount: 2 ** 33 }],
    ["a short hash", { leafHash: new Uint8Array(31) }],
    ["a long root", { eventsRoot: new Uint8Array(33) }],
    ["a path without end", { path: Array.from({ length: 65 }, () => new Uint8Array(32)) }],
  ])("never throws on %s", (_name, change) => {
    const tree = buildLegacyTree([leafOf(0), leafOf(1)]);
    const proof = { leafHash: tree.leaf(0), leafIndex: 0, leafCount: 2, path: tree.path(0), eventsRoot: tree.root };
    expect(verifyLegacyInclusion({ ...proof, ...change })).toBe(false);
  });
});

/** As a client does that knows nothing but the directions. */
function climbDirections(leaf: Uint8Array, path: readonly Uint8Array[], directions: readonly boolean[]): string {
  expect(directions).toHaveLength(path.length);
  return toHex(
    path.reduce((node, sibling, at) => (directions[at] ? legacyNode(node, sibling) : legacyNode(sibling, node)), leaf),
  );
}
