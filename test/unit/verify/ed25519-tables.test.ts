/** Verification with tables of the keys' multiples: the same verdicts, who decides them, and which keys get a table. */
import { Point } from "@noble/ed25519";
import { sha512 } from "@noble/hashes/sha2.js";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fromHex, toHex } from "../../../src/base/bytes.js";
import { type Ed25519, oneByOne, type SignatureCheck } from "../../../src/protocol/ed25519.js";
import { nodeEd25519, selectEd25519 } from "../../../src/verify/ed25519-native.js";
import { type TableRules, tableEd25519 } from "../../../src/verify/ed25519-tables.js";
import { CHECKS_MAX, KeyTables } from "../../../src/verify/key-tables.js";
import { TEST_SEED } from "../../support/seed.js";
import { counting } from "../protocol/support.js";

const L = Point.CURVE().n;
const P = Point.CURVE().p;
const T8 = Point.fromHex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05");

/** The library, and how often it was asked. */
function counted(verify: Ed25519["verify"] = selectEd25519().verify): Ed25519 & { calls: number } {
  const library = {
    ...oneByOne({
      ...selectEd25519(),
      verify: (signature, message, publicKey) => {
        library.calls += 1;
        return verify(signature, message, publicKey);
      },
    }),
    calls: 0,
  };
  return library;
}

const EAGER: TableRules = { tablesMax: 8, usesBeforeTable: 1, restChecks: 0 };

/** The tables alone, of these keys: a refusal of theirs stands. */
function tablesAlone(publicKeys: readonly Uint8Array[]): Ed25519 {
  const refusing = counted(() => false);
  const rules = { tablesMax: publicKeys.length, usesBeforeTable: 1, restChecks: Number.POSITIVE_INFINITY };
  const ed25519 = tableEd25519(refusing, rules);
  const forged = { signature: new Uint8Array(64).fill(2, 0, 32), message: counting(32) };
  expect(ed25519.verifyAll(publicKeys.map((publicKey) => ({ ...forged, publicKey })))).not.toContain(true);
  return ed25519;
}

function littleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${toHex(bytes.toReversed())}`);
}

function scalar(value: bigint): Uint8Array {
  return fromHex(value.toString(16).padStart(64, "0"), 32)!.reverse();
}

function join(...parts: Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

/** By secret `a` and nonce `r`, both chosen, and with what torsion one likes: S = r + k a. */
function signAs(a: bigint, r: bigint, message: Uint8Array, inA = 0n, inR = 0n): SignatureCheck {
  const publicKey = Point.BASE.multiply(a).add(T8.multiply(inA, false)).toBytes();
  const R = Point.BASE.multiply(r).add(T8.multiply(inR, false)).toBytes();
  const k = littleEndian(sha512(join(R, publicKey, message))) % L;
  return { signature: join(R, scalar((r + k * a) % L)), message, publicKey };
}

const digests = fc.uint8Array({ minLength: 32, maxLength: 32 });
/** Secrets whose multiples meet those of B and of each other, where an addition formula may fail. */
const secrets = fc.oneof(
  fc.constantFrom(1n, 2n, 3n, 8n, L - 1n, L - 2n, (L + 1n) / 2n),
  fc.nat(255).map((bit) => 2n ** BigInt(bit) % L),
  fc.bigInt({ min: 1n, max: L - 1n }),
);

describe("tables of keys", () => {
  it("confirm by themselves what was signed, whatever the secret and the nonce", () => {
    const property = fc.property(secrets, secrets, digests, (a, r, message) => {
      const check = signAs(a, r, message);
      expect(tablesAlone([check.publicKey]).verifyAll([check])).toEqual([true]);
    });
    fc.assert(property, { seed: TEST_SEED, numRuns: 400 });
  });

  it("confirm by themselves all of many honest signatures, in calls of every size", () => {
    const keys = Array.from({ length: 8 }, (_, i) => counting(32, 7 * i));
    const publicKeys = keys.map((key) => nodeEd25519.publicKey(key));
    const ed25519 = tablesAlone(publicKeys);
    for (let size = 0; size <= 2 * CHECKS_MAX + 1; size += size < 4 ? 1 : 63) {
      const checks = Array.from({ length: size }, (_, i) => {
        const message = counting(32, size + i);
        const key = (i * 5) % keys.length;
        return { signature: nodeEd25519.sign(message, keys[key]!), message, publicKey: publicKeys[key]! };
      });
      expect(ed25519.verifyAll(checks)).toEqual(new Array(size).fill(true));
    }
  });

  it("confirm nothing that was changed by a bit, anywhere, and tell which of a call it was", () => {
    const key = counting(32, 3);
    const publicKey = nodeEd25519.publicKey(key);
    const ed25519 = tablesAlone([publicKey]);
    const honest = Array.from({ length: 20 }, (_, i) => {
      const message = counting(32, i);
      return { signature: nodeEd25519.sign(message, key), message, publicKey };
    });
    expect(ed25519.verifyAll(honest)).not.toContain(false);
    const part = fc.constantFrom("signature" as const, "message" as const, "publicKey" as const);
    const property = fc.property(fc.nat(19), part, fc.nat(255), fc.boolean(), (place, name, bit, high) => {
      const damaged = honest[place]![name].slice();
      damaged[(bit >> 3) + (high && name === "signature" ? 32 : 0)]! ^= 1 << (bit & 7);
      const verdicts = ed25519.verifyAll(honest.with(place, { ...honest[place]!, [name]: damaged }));
      expect(verdicts).toEqual(honest.map((_, i) => i !== place));
    });
    fc.assert(property, { seed: TEST_SEED, numRuns: 1500 });
  });

  it("confirm nothing whose R is one bit off the point, though S was made for it as it stands", () => {
    const message = counting(32);
    const [a, r] = [5n ** 90n % L, 7n ** 80n % L];
    const honest = signAs(a, r, message);
    const ed25519 = tablesAlone([honest.publicKey]);
    const forged = Array.from({ length: 256 }, (_, bit) => {
      const R = honest.signature.slice(0, 32);
      R[bit >> 3]! ^= 1 << (bit & 7);
      const k = littleEndian(sha512(join(R, honest.publicKey, message))) % L;
      return { ...honest, signature: join(R, scalar((r + k * a) % L)) };
    });
    expect(ed25519.verifyAll([honest, ...forged])).toEqual([true, ...forged.map(() => false)]);
  });

  it("confirm nothing that the rule excludes by its bytes alone, though the equation holds", () => {
    const message = counting(32);
    const a = 5n ** 90n % L;
    const honest = signAs(a, 7n ** 80n % L, message);
    const { publicKey } = honest;
    const ed25519 = tablesAlone([publicKey]);
    expect(ed25519.verifyAll([honest])).toEqual([true]);
    const S = littleEndian(honest.signature.subarray(32));
    for (const more of [L, 2n * L, 8n * L]) {
      const signature = join(honest.signature.subarray(0, 32), scalar(S + more));
      expect(ed25519.verifyAll([{ signature, message, publicKey }])).toEqual([false]);
    }
    // R = the neutral element, canonical: S = k a satisfies the equation.
    const R = scalar(1n);
    const k = littleEndian(sha512(join(R, publicKey, message))) % L;
    expect(ed25519.verifyAll([{ signature: join(R, scalar((k * a) % L)), message, publicKey }])).toEqual([false]);
  });

  it("give the verdicts of the rule where keys and nonces have torsion", () => {
    const ed25519 = tableEd25519(selectEd25519(), EAGER);
    const multiples = fc.bigInt({ min: 0n, max: 7n });
    const property = fc.property(secrets, secrets, multiples, multiples, digests, (a, r, inA, inR, message) => {
      const { signature, publicKey } = signAs(a, r, message, inA, inR);
      const k = littleEndian(sha512(join(signature.subarray(0, 32), publicKey, message))) % L;
      const expected = (k * inA + inR) % 8n === 0n;
      for (let use = 0; use < 2; use++) expect(ed25519.verify(signature, message, publicKey)).toBe(expected);
    });
    fc.assert(property, { seed: TEST_SEED, numRuns: 300 });
  });

  it("are not made for bytes that are not a point of order L", () => {
    const tables = new KeyTables(2);
    const key = Point.BASE.multiply(77n);
    expect(tables.build(key.toBytes())).not.toBeNull();
    for (let i = 1n; i < 8n; i++) {
      expect(tables.build(key.add(T8.multiply(i)).toBytes())).toBeNull();
      expect(tables.build(T8.multiply(i, false).toBytes())).toBeNull();
    }
    const offCurve = Array.from({ length: 60 }, (_, i) => BigInt(i)).filter((y) => !isOnCurve(y));
    expect(offCurve.length).toBeGreaterThan(15);
    for (const y of offCurve) expect(tables.build(scalar(y))).toBeNull();
  });

  it("are made while there is memory, and those there are stay", () => {
    const tables = new KeyTables(1_000);
    const made: number[] = [];
    const check = signAs(77n, 88n, counting(32));
    while (tables.room > 0) {
      const table = tables.build(check.publicKey);
      if (table !== null) made.push(table);
    }
    expect(made.length).toBeGreaterThanOrEqual(256);
    expect(made.length).toBeLessThan(350);
    expect(tables.build(signAs(78n, 88n, counting(32)).publicKey, made[1])).toBe(made[1]);
    for (const [i, table] of [made[0]!, made[1]!, made.at(-1)!].entries()) tables.put(i, check, table);
    tables.verify(3);
    expect([0, 1, 2].map((i) => tables.holds(i))).toEqual([true, false, true]);
  });
});

describe("who decides", () => {
  const key = counting(32, 9);
  const publicKey = nodeEd25519.publicKey(key);
  const message = counting(32);
  const signature = nodeEd25519.sign(message, key);
  const rules: TableRules = { tablesMax: 2, usesBeforeTable: 4, restChecks: 10 };

  const checkBy = (n: number): SignatureCheck => {
    const own = counting(32, 50 + n);
    return { signature: nodeEd25519.sign(message, own), message, publicKey: nodeEd25519.publicKey(own) };
  };
  /** How many of `times` checks of one signer the library had to answer. */
  const asked = (ed25519: Ed25519, library: { calls: number }, check: SignatureCheck, times: number): number => {
    const before = library.calls;
    for (let i = 0; i < times; i++) expect(ed25519.verifyAll([check])).toEqual([true]);
    return library.calls - before;
  };

  it("the library until a key has signed often, then its table", () => {
    const library = counted();
    const ed25519 = tableEd25519(library, rules);
    expect(asked(ed25519, library, checkBy(1), 40)).toBe(rules.usesBeforeTable);
  });

  it("the library of every refusal, and of what is not a digest", () => {
    const library = counted();
    const ed25519 = tableEd25519(library, EAGER);
    for (let use = 0; use < 2; use++) expect(ed25519.verify(signature, message, publicKey)).toBe(true);
    expect(library.calls).toBe(1);
    expect(ed25519.verify(signature, counting(32, 1), publicKey)).toBe(false);
    expect(library.calls).toBe(2);
    for (const length of [0, 31, 33]) {
      const other = counting(length);
      expect(ed25519.verify(nodeEd25519.sign(other, key), other, publicKey)).toBe(true);
    }
    expect(library.calls).toBe(5);
    expect(ed25519.verify(signature.subarray(1), message, publicKey)).toBe(false);
    expect(ed25519.verify(signature, message, publicKey.subarray(1))).toBe(false);
    expect(library.calls).toBe(7);
  });

  it("the tables of a whole call, whichever key gets its own meanwhile", () => {
    const library = counted();
    const ed25519 = tableEd25519(library, rules);
    const [hot, warm] = [checkBy(1), checkBy(2)];
    asked(ed25519, library, hot, rules.usesBeforeTable);
    asked(ed25519, library, warm, rules.usesBeforeTable - 1);
    const before = library.calls;
    expect(ed25519.verifyAll([hot, hot, warm, hot])).not.toContain(false);
    expect(library.calls - before).toBe(1);
  });

  it("the library beside a full set, until a table in it has rested", () => {
    const library = counted();
    const ed25519 = tableEd25519(library, rules);
    for (const n of [1, 2]) expect(asked(ed25519, library, checkBy(n), 4)).toBe(4);
    // Nobody rests while all three sign in turn.
    for (let round = 0; round < 20; round++) {
      expect([1, 2, 3].map((n) => asked(ed25519, library, checkBy(n), 1))).toEqual([0, 0, 1]);
    }
    // The first two fall silent: the third takes one of their tables, a fourth the other, and the first is cold again.
    expect(asked(ed25519, library, checkBy(3), 40)).toBeLessThan(20);
    expect(asked(ed25519, library, checkBy(3), 10)).toBe(0);
    expect(asked(ed25519, library, checkBy(4), 40)).toBeLessThan(20);
    expect(asked(ed25519, library, checkBy(1), 3)).toBe(3);
    expect(asked(ed25519, library, checkBy(4), 10)).toBe(0);
  });

  it("the next key where one that was to have a rested table turned out to have torsion", () => {
    const library = counted();
    const ed25519 = tableEd25519(library, rules);
    for (const n of [1, 2]) expect(asked(ed25519, library, checkBy(n), 4)).toBe(4);
    expect(asked(ed25519, library, checkBy(1), 20)).toBe(0);
    const publicKey = Point.BASE.multiply(77n).add(T8).toBytes();
    for (let use = 0; use < 4; use++) expect(ed25519.verify(signature, message, publicKey)).toBe(false);
    expect(asked(ed25519, library, checkBy(3), 4)).toBe(4);
    expect(asked(ed25519, library, checkBy(3), 4)).toBe(0);
    expect(asked(ed25519, library, checkBy(1), 4)).toBe(0);
    expect(asked(ed25519, library, checkBy(2), 3)).toBe(3);
  });

  it("the table of the key that was asked about, though the caller's bytes change before it is made", () => {
    const given = Buffer.from(publicKey);
    const other = checkBy(1);
    const library = counted((...asked) => {
      const verdict = selectEd25519().verify(...asked);
      given.set(other.publicKey);
      return verdict;
    });
    const ed25519 = tableEd25519(library, EAGER);
    expect(ed25519.verify(signature, message, given)).toBe(true);
    expect(ed25519.verify(signature, message, publicKey)).toBe(true);
    expect(library.calls).toBe(1);
    expect(ed25519.verifyAll([other])).toEqual([true]);
    expect(library.calls).toBe(2);
  });

  it("the library again in the next call, when it failed in one", () => {
    let fails = true;
    const ed25519 = tableEd25519(
      counted((...asked) => {
        if (fails) throw new Error("no library");
        return selectEd25519().verify(...asked);
      }),
      EAGER,
    );
    const [known, unknown] = [checkBy(1), checkBy(2)];
    fails = false;
    expect(ed25519.verifyAll([known, known])).toEqual([true, true]);
    fails = true;
    const forged = { ...known, message: counting(32, 1) };
    expect(() => ed25519.verifyAll([known, unknown, forged])).toThrow("no library");
    expect(() => ed25519.verifyAll([known, forged])).toThrow("no library");
    expect(ed25519.verifyAll([known])).toEqual([true]);
    fails = false;
    expect(ed25519.verifyAll([forged, unknown, known])).toEqual([false, true, true]);
  });

  it("bytes in shared memory are read as they are", () => {
    const ed25519 = tablesAlone([publicKey]);
    const shared = (bytes: Uint8Array) => {
      const view = new Uint8Array(new SharedArrayBuffer(bytes.length + 3), 3);
      view.set(bytes);
      return view;
    };
    expect(ed25519.verify(shared(signature), shared(message), shared(publicKey))).toBe(true);
    expect(ed25519.verify(shared(signature), shared(counting(32, 1)), shared(publicKey))).toBe(false);
  });
});

function isOnCurve(y: bigint): boolean {
  const d = Point.CURVE().d;
  const u = (((y * y - 1n) % P) + P) % P;
  const v = (d * y * y + 1n) % P;
  const ratio = (u * power(v, P - 2n)) % P;
  return ratio === 0n || power(ratio, (P - 1n) / 2n) === 1n;
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (let bits = exponent, square = base; bits > 0n; bits >>= 1n, square = (square * square) % P) {
    if ((bits & 1n) === 1n) result = (result * square) % P;
  }
  return result;
}
