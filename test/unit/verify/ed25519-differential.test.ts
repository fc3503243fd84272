/**
 * The tables alone against libsodium, and a sample against noble: keys and nonces are chosen so that the points of a sum
 * meet, cancel or are table entries, and damage so that it stays close to a valid signature. `npm run test:ed25519` is the
 * campaign (ED25519_CHECKS, TEST_SEED).
 */
import { createHash } from "node:crypto";
import { Point } from "@noble/ed25519";
import { describe, expect, it } from "vitest";
import { fromHex, toHex } from "../../../src/base/bytes.js";
import { nobleEd25519, type SignatureCheck } from "../../../src/protocol/ed25519.js";
import { selectEd25519 } from "../../../src/verify/ed25519-native.js";
import { tableEd25519 } from "../../../src/verify/ed25519-tables.js";
import { CHECKS_MAX } from "../../../src/verify/key-tables.js";
import { Random } from "../../support/fuzz/random.js";
import { TEST_SEED } from "../../support/seed.js";

const CHECKS = Number(process.env.ED25519_CHECKS ?? 40_000);
const TIMEOUT_MS = Math.max(180_000, CHECKS);
/** One check of so many is also put to noble, which takes thirty times as long. */
const NOBLE_EVERY = 401;

const L = Point.CURVE().n;
const P = Point.CURVE().p;
const T8 = Point.fromHex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05");

const random = new Random(TEST_SEED);

/** A scalar whose multiples meet others': small, near L, a power of two, teeth of a table's entries, any. */
function edgeScalar(): bigint {
  const tooth = (): bigint => 2n ** BigInt(16 * random.below(16));
  const value = [
    () => BigInt(1 + random.below(16)),
    () => (L + 1n) / 2n,
    () => 2n ** BigInt(random.below(253)),
    tooth,
    () => tooth() + tooth(),
    () => tooth() - tooth(),
    // The digits of a table's entry, all of the same parity.
    () => {
      const first = 16 * random.below(2);
      return Array.from({ length: 8 }, (_, t) => 2n ** BigInt(first + 32 * t)).reduce(
        (sum, power) => sum + (random.chance(0.5) ? power : -power),
      );
    },
    () => littleEndian(random.bytes(32)),
  ][random.below(8)]!();
  const scalar = mod(random.chance(0.5) ? value : -value, L);
  return scalar === 0n ? 1n : scalar;
}

interface Nonce {
  readonly r: bigint;
  readonly R: Uint8Array;
}

interface Signer {
  readonly a: bigint;
  readonly publicKey: Uint8Array;
  /** The key has torsion: it gets no table. */
  readonly isTwisted: boolean;
  /** Nonces that have to do with `a`. */
  readonly own: readonly Nonce[];
}

/** r times B, with an eighth of them off the prime-order subgroup when `mayTwist`. */
function nonce(r: bigint, mayTwist = true): Nonce {
  const torsion = mayTwist && random.chance(0.125) ? BigInt(1 + random.below(7)) : 0n;
  return { r, R: Point.BASE.multiply(r).add(T8.multiply(torsion, false)).toBytes() };
}

function signer(isTwisted: boolean): Signer {
  const a = edgeScalar();
  const torsion = isTwisted ? BigInt(1 + random.below(7)) : 0n;
  const publicKey = Point.BASE.multiply(a).add(T8.multiply(torsion, false)).toBytes();
  const factors = [1n, -1n, 2n, -2n, 3n, 2n ** 16n, -(2n ** 32n), 2n ** 240n];
  return { a, publicKey, isTwisted, own: factors.map((factor) => nonce(mod(factor * a, L), false)) };
}

function signAs({ a, publicKey }: Signer, { r, R }: Nonce, message: Uint8Array): SignatureCheck {
  const k = littleEndian(createHash("sha512").update(R).update(publicKey).update(message).digest()) % L;
  return { signature: join(R, scalarBytes((r + k * a) % L)), message, publicKey };
}

/** What a signer may put in R's place before signing: the equation then holds for a point that R is not the encoding of. */
function misspelt({ r, R }: Nonce): Nonce {
  const spellings = [
    () => R.with(31, R[31]! ^ 0x80),
    () => flipped(R),
    () => yBytes(mod(-yOf(R), P), R[31]! >> 7),
    () => join(R.subarray(0, 24), random.bytes(8)),
    () => join(random.bytes(24), R.subarray(24)),
  ];
  return { r, R: random.pick(spellings)() };
}

type Damage = (check: SignatureCheck, signers: readonly Signer[], nonces: readonly Nonce[]) => SignatureCheck;

const DAMAGES: Readonly<Record<string, Damage>> = {
  "S + 1": (check) => withS(check, (s) => (s + 1n) % L),
  "S - 1": (check) => withS(check, (s) => mod(s - 1n, L)),
  "S + L": (check) => withS(check, (s) => s + L * BigInt(1 + random.below(8))),
  "-S": (check) => withS(check, (s) => mod(-s, L)),
  "S of an edge": (check) => withS(check, () => (random.chance(0.1) ? 0n : edgeScalar())),
  "a bit of the signature": (check) => ({ ...check, signature: flipped(check.signature) }),
  "a bit of the message": (check) => ({ ...check, message: flipped(check.message) }),
  "a bit of the key": (check) => ({ ...check, publicKey: flipped(check.publicKey) }),
  "-R": (check) => withR(check, (R) => R.with(31, R[31]! ^ 0x80)),
  "p - y": (check) => withR(check, (R) => yBytes(mod(-yOf(R), P), R[31]! >> 7)),
  "R + torsion": (check, _, nonces) =>
    withR(check, () => {
      const twist = T8.multiply(BigInt(1 + random.below(7)), false);
      return Point.fromBytes(random.pick(nonces).R).add(twist).toBytes();
    }),
  "R out of range": (check) => withR(check, () => yBytes(P + BigInt(random.below(19)), random.below(2))),
  "R in its other spelling": (check) => withR(check, () => yBytes(BigInt(random.below(19)), random.below(2))),
  "R = A": (check) => withR(check, () => check.publicKey),
  "another R": (check, _, nonces) => withR(check, () => random.pick(nonces).R),
  "another key": (check, signers) => ({ ...check, publicKey: random.pick(signers).publicKey }),
  "-A": (check) => ({ ...check, publicKey: check.publicKey.with(31, check.publicKey[31]! ^ 0x80) }),
};

function withS(check: SignatureCheck, change: (s: bigint) => bigint): SignatureCheck {
  const s = change(littleEndian(check.signature.subarray(32))) % 2n ** 256n;
  return { ...check, signature: join(check.signature.subarray(0, 32), scalarBytes(s)) };
}

function withR(check: SignatureCheck, change: (R: Uint8Array) => Uint8Array): SignatureCheck {
  return { ...check, signature: join(change(check.signature.slice(0, 32)), check.signature.subarray(32)) };
}

function flipped(bytes: Uint8Array): Uint8Array {
  const at = random.below(bytes.length);
  return bytes.with(at, bytes[at]! ^ (1 << random.below(8)));
}

function yOf(encoding: Uint8Array): bigint {
  return littleEndian(encoding) % 2n ** 255n;
}

function yBytes(y: bigint, sign: number): Uint8Array {
  return scalarBytes(y + BigInt(sign) * 2n ** 255n);
}

function mod(value: bigint, modulus: bigint): bigint {
  return ((value % modulus) + modulus) % modulus;
}

function littleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${toHex(bytes.toReversed())}`);
}

function scalarBytes(value: bigint): Uint8Array {
  return fromHex(value.toString(16).padStart(64, "0"), 32)!.reverse();
}

function join(...parts: Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

describe("tables against libraries", () => {
  it(
    `${CHECKS} verifications: the verdict of libsodium on each`,
    () => {
      const library = selectEd25519();
      const signers = Array.from({ length: 80 }, (_, i) => signer(i % 8 === 7));
      const nonces = Array.from({ length: 500 }, () => nonce(edgeScalar()));
      const hotKeys = new Set(signers.filter((one) => !one.isTwisted).map((one) => toHex(one.publicKey)));
      // Whom the tables ask says no: a yes is theirs.
      const alone = tableEd25519(
        { ...library, verify: () => false },
        { tablesMax: hotKeys.size, usesBeforeTable: 1, restChecks: Number.POSITIVE_INFINITY },
      );
      alone.verifyAll(signers.map((one) => signAs(one, nonces[0]!, random.bytes(32))));
      const counts = { valid: 0, invalid: 0, noble: 0, byDamage: new Map<string, number>() };
      for (let done = 0; done < CHECKS; ) {
        const checks = Array.from({ length: 1 + random.below(CHECKS_MAX + 2) }, () => {
          const one = random.pick(signers);
          const chosen = random.chance(0.3) ? random.pick(one.own) : random.pick(nonces);
          const check = signAs(one, random.chance(0.15) ? misspelt(chosen) : chosen, random.bytes(32));
          if (random.chance(0.5)) return check;
          const [name, damage] = random.pick(Object.entries(DAMAGES));
          counts.byDamage.set(name, (counts.byDamage.get(name) ?? 0) + 1);
          return damage(check, signers, nonces);
        });
        const verdicts = alone.verifyAll(checks);
        for (const [i, { signature, message, publicKey }] of checks.entries()) {
          const expected = library.verify(signature, message, publicKey);
          const isTables = hotKeys.has(toHex(publicKey));
          if (verdicts[i] !== (expected && isTables)) {
            expect.fail(`seed ${TEST_SEED}: ${toHex(signature)} ${toHex(message)} ${toHex(publicKey)}: ${verdicts[i]}`);
          }
          if (expected) counts.valid += 1;
          else counts.invalid += 1;
          if ((done + i) % NOBLE_EVERY === 0) {
            expect(nobleEd25519.verify(signature, message, publicKey)).toBe(expected);
            counts.noble += 1;
          }
        }
        done += checks.length;
      }
      console.log(`ed25519-differential: ${JSON.stringify({ ...counts, byDamage: [...counts.byDamage] })}`);
      expect(counts.valid).toBeGreaterThan(CHECKS / 4);
      expect(counts.byDamage.size).toBe(Object.keys(DAMAGES).length);
    },
    TIMEOUT_MS,
  );
});
