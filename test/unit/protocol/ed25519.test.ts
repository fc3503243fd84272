import { Point } from "@noble/ed25519";
import { sha256, sha512 } from "@noble/hashes/sha2.js";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fromHex, toHex, utf8 } from "../../../src/base/bytes.js";
import {
  type Ed25519,
  isAcceptablePublicKey,
  nobleEd25519,
  passesEncodingRule,
} from "../../../src/protocol/ed25519.js";
import { isAcceptableKey, nodeEd25519, selectEd25519, sodiumEd25519 } from "../../../src/verify/ed25519-native.js";
import { tableEd25519 } from "../../../src/verify/ed25519-tables.js";
import { TEST_SEED } from "../../support/seed.js";
import { counting, hex, sharedVectors } from "./support.js";

const implementations: readonly Ed25519[] = [
  nobleEd25519,
  nodeEd25519,
  ...(sodiumEd25519 === null ? [] : [sodiumEd25519]),
  askedTwice(tableEd25519(selectEd25519(), { tablesMax: 4, usesBeforeTable: 1, restChecks: 0 })),
];
if (sodiumEd25519 === null) console.log("sodium-native does not load here: only node and noble are compared");

const L = Point.CURVE().n;
const P = Point.CURVE().p;
/** Points of order 8 in their canonical form. */
const T8 = Point.fromHex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05");
const IDENTITY = encodeY(1n, false);

/** The 14 encodings of the 8 points of small order: canonical first. */
const CANONICAL_SMALL_ORDER = Array.from({ length: 8 }, (_, i) => T8.multiply(BigInt(i), false).toBytes());
const OTHER_SMALL_ORDER = [
  encodeY(1n, true),
  encodeY(P - 1n, true),
  encodeY(P, false),
  encodeY(P, true),
  encodeY(P + 1n, false),
  encodeY(P + 1n, true),
];
const SMALL_ORDER = [...CANONICAL_SMALL_ORDER, ...OTHER_SMALL_ORDER];

describe("known answers", () => {
  // RFC 8032 section 7.1, tests 1 and 2.
  test.each([
    [
      "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
      "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
      "",
      "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ],
    [
      "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
      "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
      "72",
      "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ],
  ])("RFC 8032, seed %s", (seedHex, publicKey, message, signature) => {
    for (const ed of implementations) {
      expect(toHex(ed.publicKey(hex(seedHex))), ed.name).toBe(publicKey);
      expect(toHex(ed.sign(hex(message), hex(seedHex))), ed.name).toBe(signature);
      expect(ed.verify(hex(signature), hex(message), hex(publicKey)), ed.name).toBe(true);
    }
  });

  test("more keys than the caches hold, every implementation with every other", () => {
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < 1100; i++) {
        const keySeed = new Uint8Array(new Uint32Array([i, 1, 2, 3, 4, 5, 6, 7]).buffer);
        const message = counting(i % 40);
        const signature = nodeEd25519.sign(message, keySeed);
        const publicKey = nodeEd25519.publicKey(keySeed);
        expect(nodeEd25519.verify(signature, message, publicKey)).toBe(true);
        if (sodiumEd25519 !== null) {
          expect(sodiumEd25519.sign(message, keySeed)).toEqual(signature);
          expect(sodiumEd25519.publicKey(keySeed)).toEqual(publicKey);
        }
        if (i % 100 === 0) expect(nobleEd25519.sign(message, keySeed)).toEqual(signature);
      }
    }
  });

  test("the selected one is native", () => {
    expect(selectEd25519()).toBe(sodiumEd25519 ?? nodeEd25519);
  });
});

describe("one rule on the eleven cases of spec §3.3", () => {
  const a = 0x1234_5678_9abc_def0n ** 3n % L;
  const r = 0xfedc_ba98_7654_3210n ** 3n % L;
  const A = Point.BASE.multiply(a);
  const R = Point.BASE.multiply(r);

  /** A signature by secret `a` with the given encodings of R and A: S = nonce + k*a. */
  function signAs(nonce: bigint, encodedR: Uint8Array, encodedA: Uint8Array, message: Uint8Array): Uint8Array {
    return join(encodedR, scalar((nonce + challenge(encodedR, encodedA, message) * a) % L));
  }

  function messageWhere(encodedR: Uint8Array, encodedA: Uint8Array, holds: (k: bigint) => boolean): Uint8Array {
    for (let i = 0; ; i++) {
      const message = sha256(utf8(`message ${i}`));
      if (holds(challenge(encodedR, encodedA, message))) return message;
    }
  }

  const message = sha256(utf8("eleven cases"));
  const mixedA = A.add(T8).toBytes();
  const mixedR = R.add(T8).toBytes();
  const oddMessage = messageWhere(R.toBytes(), mixedA, (k) => k % 8n !== 0n);
  const evenMessage = messageWhere(R.toBytes(), mixedA, (k) => k % 8n === 0n);
  const ordinary = signAs(r, R.toBytes(), A.toBytes(), message);
  const s = littleEndian(ordinary.subarray(32));

  const cases: [string, boolean, Uint8Array, Uint8Array, Uint8Array][] = [
    ["ordinary signature", true, ordinary, message, A.toBytes()],
    ["S replaced by S+L", false, join(R.toBytes(), scalar(s + L)), message, A.toBytes()],
    ["A = identity, R = S*B", false, join(R.toBytes(), scalar(r)), message, IDENTITY],
    ["A = identity, R = identity, S = 0", false, join(IDENTITY, scalar(0n)), message, IDENTITY],
    ["A = aB + T8, k mod 8 != 0", false, signAs(r, R.toBytes(), mixedA, oddMessage), oddMessage, mixedA],
    ["A = aB + T8, k mod 8 = 0", true, signAs(r, R.toBytes(), mixedA, evenMessage), evenMessage, mixedA],
    ["R = rB + T8", false, signAs(r, mixedR, A.toBytes(), message), message, A.toBytes()],
    ["A = identity written as p+1", false, join(R.toBytes(), scalar(r)), message, encodeY(P + 1n, false)],
    ["A = identity with sign bit", false, join(R.toBytes(), scalar(r)), message, encodeY(1n, true)],
    [
      "R = identity written as p+1",
      false,
      signAs(0n, encodeY(P + 1n, false), A.toBytes(), message),
      message,
      A.toBytes(),
    ],
    ["R = identity, ordinary A", false, signAs(0n, IDENTITY, A.toBytes(), message), message, A.toBytes()],
  ];
  test.each(cases)("%s: %s", (_name, expected, signature, text, publicKey) => {
    expectAll(expected, signature, text, publicKey);
  });

  test("S at and around its bound", () => {
    for (const value of [L, L + 1n, 2n ** 252n, 2n ** 255n, 2n ** 256n - 1n]) {
      expectAll(false, join(R.toBytes(), scalar(value)), message, A.toBytes());
    }
  });
});

describe("small order", () => {
  test("there are 14 encodings, all distinct", () => {
    expect(new Set(SMALL_ORDER.map(toHex)).size).toBe(14);
  });

  test.each(SMALL_ORDER.map((encoding) => [toHex(encoding)]))("%s is refused as A and as R", (encodingHex) => {
    const encoding = hex(encodingHex);
    expect(isAcceptablePublicKey(encoding)).toBe(false);
    const honest = nodeEd25519.publicKey(counting(32));
    for (let i = 0; i < 16; i++) {
      const message = utf8(`small ${i}`);
      expectAll(false, join(IDENTITY, scalar(0n)), message, encoding);
      expectAll(false, join(Point.BASE.multiply(5n).toBytes(), scalar(5n)), message, encoding);
      expectAll(false, join(encoding, scalar(0n)), message, encoding);
      expectAll(false, join(encoding, scalar(BigInt(i))), message, honest);
    }
    expect(passesEncodingRule(join(encoding, scalar(0n)), honest)).toBe(false);
    expect(passesEncodingRule(new Uint8Array(64).fill(2, 0, 32), encoding)).toBe(false);
  });
});

describe.each([
  ["in JavaScript", isAcceptablePublicKey],
  ["as the service asks", isAcceptableKey],
])("keys for registration, %s", (_, isAcceptable) => {
  test("honest keys are taken", () => {
    for (let i = 0; i < 20; i++) expect(isAcceptable(nodeEd25519.publicKey(counting(32, i)))).toBe(true);
  });

  test("torsion, non-canonical y, points off the curve and wrong lengths are refused", () => {
    const key = Point.fromBytes(nodeEd25519.publicKey(counting(32)));
    for (let i = 1n; i < 8n; i++) {
      expect(isAcceptable(key.add(T8.multiply(i)).toBytes())).toBe(false);
    }
    for (let y = P; y < 2n ** 255n; y++) {
      for (const sign of [false, true]) expect(isAcceptable(encodeY(y, sign))).toBe(false);
    }
    for (const encoding of SMALL_ORDER) expect(isAcceptable(encoding)).toBe(false);
    expect(isAcceptable(encodeY(2n, false))).toBe(false);
    for (const length of [0, 31, 33, 64]) expect(isAcceptable(new Uint8Array(length).fill(3))).toBe(false);
  });

  test("bytes in shared memory are read too", () => {
    const shared = new Uint8Array(new SharedArrayBuffer(32));
    expect(isAcceptable(shared)).toBe(false);
    shared.set(nodeEd25519.publicKey(counting(32)));
    expect(isAcceptable(shared)).toBe(true);
  });
});

test("any bytes are judged alike as a key for registration", () => {
  const bytes = fc.uint8Array({ minLength: 32, maxLength: 32 });
  const judged = fc.property(bytes, (key) => isAcceptableKey(key) === isAcceptablePublicKey(key));
  fc.assert(judged, { seed: TEST_SEED, numRuns: 300 });
});

describe("agreement", () => {
  const keySeed = counting(32, 100);
  const publicKey = nodeEd25519.publicKey(keySeed);

  test("non-canonical and off-curve keys", () => {
    const signature = nodeEd25519.sign(utf8("m"), keySeed);
    for (let y = P; y < 2n ** 255n; y++) {
      for (const sign of [false, true]) {
        expectAll(false, signature, utf8("m"), encodeY(y, sign));
        expect(passesEncodingRule(signature, encodeY(y, sign))).toBe(false);
      }
    }
    for (let y = P - 20n; y < P - 1n; y++) expect(passesEncodingRule(signature, encodeY(y, true))).toBe(true);
    expectAll(false, signature, utf8("m"), encodeY(2n, false));
  });

  test("wrong lengths never throw", () => {
    const signature = nodeEd25519.sign(utf8("m"), keySeed);
    for (const length of [0, 1, 31, 32, 33, 63, 65, 128]) {
      if (length !== 64) expectAll(false, join(signature, signature).subarray(0, length), utf8("m"), publicKey);
      if (length !== 32)
        expectAll(false, signature, utf8("m"), join(publicKey, join(publicKey, publicKey)).subarray(0, length));
    }
    expectAll(true, signature, utf8("m"), publicKey);
  });

  test("a seed in a Buffer that is written over signs no more", () => {
    for (const one of implementations) {
      const [first, second] = [counting(32, 1), counting(32, 2)];
      const given = Buffer.from(first);
      one.sign(counting(32), given);
      given.set(second);
      expect(one.sign(counting(32), given)).toEqual(nobleEd25519.sign(counting(32), second));
    }
  });

  test("bytes in shared memory, at an offset", () => {
    const shared = (bytes: Uint8Array) => {
      const view = new Uint8Array(new SharedArrayBuffer(bytes.length + 3), 3);
      view.set(bytes);
      return view;
    };
    for (const ed of implementations) {
      const signature = ed.sign(shared(utf8("m")), shared(keySeed));
      expect(signature).toEqual(nodeEd25519.sign(utf8("m"), keySeed));
      expect(ed.verify(shared(signature), shared(utf8("m")), shared(publicKey)), ed.name).toBe(true);
      expect(ed.verify(shared(signature), shared(utf8("n")), shared(publicKey)), ed.name).toBe(false);
    }
    // A seed no cache has seen yet.
    for (const ed of implementations)
      expect(ed.publicKey(shared(counting(32, 77)))).toEqual(ed.publicKey(counting(32, 77)));
  });

  test("thousands of damaged signatures, keys and messages", () => {
    const messages = fc.uint8Array({ minLength: 32, maxLength: 32 });
    const edits = fc.array(fc.tuple(fc.nat(127), fc.integer({ min: 0, max: 255 })), { maxLength: 2 });
    const property = fc.property(messages, edits, (message, list) => {
      const honest = join(join(nodeEd25519.sign(message, keySeed), publicKey), message);
      const damaged = honest.slice();
      for (const [at, bits] of list) damaged[at]! ^= bits;
      const verdict = agree(damaged.subarray(0, 64), damaged.subarray(96), damaged.subarray(64, 96));
      expect(verdict).toBe(toHex(damaged) === toHex(honest));
    });
    fc.assert(property, { seed: TEST_SEED, numRuns: 3000 });
  });

  test("many at once are judged as each alone, in their order", () => {
    const others = [publicKey, nodeEd25519.publicKey(counting(32, 7)), IDENTITY, publicKey.subarray(1)];
    const check = fc
      .tuple(fc.uint8Array({ maxLength: 40 }), fc.boolean(), fc.nat(63), fc.constantFrom(...others))
      .map(([message, isHonest, at, otherKey]) => {
        const signature = nodeEd25519.sign(message, keySeed);
        if (isHonest) return { signature, message, publicKey };
        signature[at]! ^= 1;
        return { signature, message, publicKey: otherKey };
      });
    const property = fc.property(fc.array(check, { maxLength: 20 }), (checks) => {
      for (const ed of implementations) {
        const alone = checks.map((each) => ed.verify(each.signature, each.message, each.publicKey));
        expect(ed.verifyAll(checks), ed.name).toEqual(alone);
        expect(alone, ed.name).toEqual(
          checks.map((each) => nodeEd25519.verify(each.signature, each.message, each.publicKey)),
        );
      }
    });
    fc.assert(property, { seed: TEST_SEED, numRuns: 100 });
  });

  test("random combinations of special encodings", () => {
    const mixed = Point.fromBytes(publicKey).add(T8).toBytes();
    const points = [...SMALL_ORDER, publicKey, mixed, Point.BASE.toBytes(), encodeY(P + 3n, false), encodeY(2n, true)];
    const scalars = [0n, 1n, 8n, L - 1n, L, L + 1n, 2n ** 252n, 2n ** 253n - 1n, 2n ** 256n - 1n].map(scalar);
    const pick = fc.tuple(fc.constantFrom(...points), fc.constantFrom(...scalars), fc.constantFrom(...points));
    const property = fc.property(pick, fc.nat(1000), ([R, S, A], text) => {
      agree(join(R, S), sha256(utf8(`${text}`)), A);
    });
    fc.assert(property, { seed: TEST_SEED, numRuns: 1500 });
  });

  test("signatures made with torsion pass exactly when k*torsion vanishes", () => {
    const multiples = fc.bigInt({ min: 0n, max: 7n });
    const secrets = fc.bigInt({ min: 1n, max: L - 1n });
    const property = fc.property(secrets, secrets, multiples, multiples, fc.nat(), (a, r, inA, inR, text) => {
      const A = Point.BASE.multiply(a).add(T8.multiply(inA, false)).toBytes();
      const R = Point.BASE.multiply(r).add(T8.multiply(inR, false)).toBytes();
      const message = sha256(utf8(`${text}`));
      const k = challenge(R, A, message);
      // R' = rB - k*inA*T8 must encode as R = rB + inR*T8.
      const expected = (k * inA + inR) % 8n === 0n;
      expectAll(expected, join(R, scalar((r + k * a) % L)), message, A);
    });
    fc.assert(property, { seed: TEST_SEED, numRuns: 300 });
  });
});

describe("public vectors", () => {
  type Vector = { message: string; pub_key: string; signature: string };
  const vectors = sharedVectors<Vector[]>("ed25519/speccheck-and-edge.json");

  test.runIf(vectors !== null)("speccheck and edge cases", () => {
    // Cases 0-2 have small-order A or R; 4 and 5 hold only with the cofactor; 6 and 7 have S >= L; 8-11 are non-canonical.
    const verdicts = vectors?.map((v) => agree(hex(v.signature), hex(v.message), hex(v.pub_key)));
    expect(verdicts).toEqual(vectors?.map((_, index) => index === 3));
  });

  // The 196 cases of ZIP 215: a verifier that takes the cofactor's multiple accepts them all.
  test.each(SMALL_ORDER.map((key) => [toHex(key)]))("zip215: key %s with every R of small order", (keyHex) => {
    for (const R of SMALL_ORDER) expectAll(false, join(R, scalar(0n)), utf8("Zcash"), hex(keyHex));
  });
});

/** The first use of a key makes its table, the second is answered with it. */
function askedTwice(tables: Ed25519): Ed25519 {
  return {
    ...tables,
    verify: (signature, message, publicKey) => {
      const first = tables.verify(signature, message, publicKey);
      expect(tables.verify(signature, message, publicKey)).toBe(first);
      return first;
    },
  };
}

function agree(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean {
  const verdicts = implementations.map((ed) => ed.verify(signature, message, publicKey));
  expect(new Set(verdicts).size, `${toHex(signature)} ${toHex(message)} ${toHex(publicKey)}: ${verdicts}`).toBe(1);
  if (verdicts[0]) expect(passesEncodingRule(signature, publicKey)).toBe(true);
  return verdicts[0]!;
}

function expectAll(expected: boolean, signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): void {
  for (const ed of implementations) expect(ed.verify(signature, message, publicKey), ed.name).toBe(expected);
}

function challenge(R: Uint8Array, A: Uint8Array, message: Uint8Array): bigint {
  return littleEndian(sha512(join(join(R, A), message))) % L;
}

function encodeY(y: bigint, sign: boolean): Uint8Array {
  return scalar(y | (sign ? 1n << 255n : 0n));
}

/** 32 bytes, little-endian. */
function scalar(value: bigint): Uint8Array {
  return fromHex(value.toString(16).padStart(64, "0"), 32)!.reverse();
}

function littleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${toHex(bytes.toReversed())}`);
}

function join(first: Uint8Array, second: Uint8Array): Uint8Array {
  return Uint8Array.of(...first, ...second);
}
