import { hash, hashes, getPublicKey as noblePublicKey, sign as nobleSign, Point } from "@noble/ed25519";
import { sha512 } from "@noble/hashes/sha2.js";
import { bytesEqual, fromHex } from "../base/bytes.js";

/**
 * Ed25519 with ONE rule for every verifier (spec §3.3, hardened): S < L; the cofactorless equation, comparing the canonical
 * encoding of [S]B - [k]A with the bytes of R; A canonical; A and R not of small order. Keys made by RFC 8032 always pass.
 */
export interface Ed25519 {
  readonly name: string;
  /** True when the 64-byte signature is valid. Bytes of any length are accepted and never make it throw. */
  verify(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean;
  /** One verdict per check, in their order, each what `verify` says of it. May share work between them. */
  verifyAll(checks: readonly SignatureCheck[]): boolean[];
  /** 64-byte signature by the 32-byte RFC 8032 seed. */
  sign(message: Uint8Array, seed: Uint8Array): Uint8Array;
  /** 32-byte public key of the 32-byte seed. */
  publicKey(seed: Uint8Array): Uint8Array;
}

/** What `Ed25519.verify` is asked, for asking it of many at once. */
export interface SignatureCheck {
  readonly signature: Uint8Array;
  readonly message: Uint8Array;
  readonly publicKey: Uint8Array;
}

export const SIGNATURE_BYTES = 64;
export const PUBLIC_KEY_BYTES = 32;
export const SEED_BYTES = 32;

/** Group order L, little-endian. */
const ORDER = fromHex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010", 32)!;

/**
 * The y coordinates of the 8 points of small order: 0, 1, p-1, the two of order 8, and the non-canonical spellings p and
 * p+1. Each with either sign bit: 14 encodings.
 */
const SMALL_ORDER_Y: readonly Uint8Array[] = [
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
].map((hex) => fromHex(hex, 32)!);

hashes.sha512 = sha512;

/**
 * The part of the rule that is decided on bytes alone, shared by all verifiers: lengths, S < L, A canonical, neither A nor
 * R of small order. What is left to the curve: is A on it, and does the equation hold.
 */
export function passesEncodingRule(signature: Uint8Array, publicKey: Uint8Array): boolean {
  return (
    signature.length === SIGNATURE_BYTES &&
    publicKey.length === PUBLIC_KEY_BYTES &&
    isBelowOrder(signature, 32) &&
    isCanonicalY(publicKey) &&
    !isSmallOrder(publicKey) &&
    !isSmallOrder(signature)
  );
}

/** May this key be registered: canonical, on the curve, in the prime-order subgroup and not its identity. */
export function isAcceptablePublicKey(publicKey: Uint8Array): boolean {
  if (publicKey.length !== PUBLIC_KEY_BYTES || !isCanonicalY(publicKey) || isSmallOrder(publicKey)) return false;
  try {
    return Point.fromBytes(publicKey).isTorsionFree();
  } catch {
    return false;
  }
}

/** Completes an implementation that gains nothing from many checks at once: each is asked of its `verify`. */
export function oneByOne(ed25519: Omit<Ed25519, "verifyAll">): Ed25519 {
  return {
    ...ed25519,
    verifyAll: (checks) =>
      checks.map(({ signature, message, publicKey }) => ed25519.verify(signature, message, publicKey)),
  };
}

/** Pure JavaScript: the verifier for browsers and the reference for the native ones. */
export const nobleEd25519: Ed25519 = oneByOne({
  name: "noble",
  verify(signature, message, publicKey) {
    if (!passesEncodingRule(signature, publicKey)) return false;
    const key = decodePoint(publicKey);
    if (key === null) return false;
    const order = Point.CURVE().n;
    const preimage = new Uint8Array(64 + message.length);
    preimage.set(signature.subarray(0, 32));
    preimage.set(publicKey, 32);
    preimage.set(message, 64);
    const k = littleEndian(hash(preimage)) % order;
    const s = littleEndian(signature.subarray(32));
    const expected = Point.BASE.multiply(s, false).subtract(key.multiply(k, false));
    return bytesEqual(expected.toBytes(), signature.subarray(0, 32));
  },
  sign: (message, seed) => nobleSign(message, seed),
  publicKey: (seed) => noblePublicKey(seed),
});

function decodePoint(bytes: Uint8Array): Point | null {
  try {
    return Point.fromBytes(bytes);
  } catch {
    return null;
  }
}

/** Is the 32-byte little-endian integer at `start` below L? */
function isBelowOrder(bytes: Uint8Array, start: number): boolean {
  for (let i = 31; i >= 0; i--) {
    const difference = bytes[start + i]! - ORDER[i]!;
    if (difference !== 0) return difference < 0;
  }
  return false;
}

/** Is y < p = 2^255 - 19, the sign bit aside? */
function isCanonicalY(encoding: Uint8Array): boolean {
  if ((encoding[31]! & 0x7f) !== 0x7f) return true;
  for (let i = 30; i > 0; i--) if (encoding[i] !== 0xff) return true;
  return encoding[0]! < 0xed;
}

/** Does the encoding in the first 32 bytes decode to a point of small order, the sign bit aside? */
function isSmallOrder(encoding: Uint8Array): boolean {
  for (const y of SMALL_ORDER_Y) {
    if (encoding[0] !== y[0] || (encoding[31]! & 0x7f) !== y[31]) continue;
    let i = 1;
    while (i < 31 && encoding[i] === y[i]) i++;
    if (i === 31) return true;
  }
  return false;
}

function littleEndian(bytes: Uint8Array): bigint {
  let hex = "0x";
  for (let i = bytes.length - 1; i >= 0; i--) hex += bytes[i]!.toString(16).padStart(2, "0");
  return BigInt(hex);
}
