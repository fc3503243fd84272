import { sha256 as nobleSha256 } from "@noble/hashes/sha2.js";
import { bytesEqual, utf8 } from "../base/bytes.js";
import { HASH_BYTES } from "./hash.js";

/**
 * SHA-256, the only hash of the protocol. On Node the built-in one-shot hash is used (about 1 µs for a short message),
 * elsewhere @noble/hashes. Both return a plain `Uint8Array`, never a Buffer whose `slice` would alias.
 */
type Hash = (message: Uint8Array | string) => Uint8Array;

const nodeCrypto = globalThis.process?.getBuiltinModule?.("node:crypto");

const hash: Hash = selectHash();

/** 32-byte digest of the bytes. */
export function sha256(bytes: Uint8Array): Uint8Array {
  return hash(bytes);
}

/** 32-byte digest of the UTF-8 form of well-formed text, without building that form where the platform allows. */
export function sha256Text(text: string): Uint8Array {
  return hash(text);
}

/** A digest of bytes that come in parts: of a message too long to be held. */
export interface RunningHash {
  update(bytes: Uint8Array): unknown;
  digest(): Uint8Array;
}

export function runningSha256(): RunningHash {
  return nodeCrypto === undefined ? nobleSha256.create() : nodeCrypto.createHash("sha256");
}

/** Writes the 32-byte digest of `message` into the column it was made for, from byte `at` on, an even number. */
export type DigestColumn = (message: Uint8Array, at: number) => void;

/**
 * Digests straight into `out`, for trees that hash tens of thousands of short messages. As a string of 16 two-byte units
 * the one-shot hash returns in 0.2 µs for 75 bytes, as a Buffer in 1.4 µs or more; reading the units one by one is then
 * cheaper than any call that writes them.
 */
export function digestColumn(out: Uint8Array): DigestColumn {
  const oneShot = nodeCrypto?.hash;
  if (oneShot === undefined || !canReadUnits(oneShot)) return (message, at) => out.set(hash(message), at);
  const units = new Uint16Array(out.buffer, out.byteOffset, out.byteLength / 2);
  return (message, at) => {
    const digest = oneShot("sha256", message, UNITS);
    for (let i = 0, unit = at / 2; i < DIGEST_UNITS; i++, unit++) units[unit] = digest.charCodeAt(i);
  };
}

const DIGEST_UNITS = 16;

/** Not among the declared encodings of a digest, but taken like any other; `canReadUnits` makes sure. */
const UNITS = "utf16le" as "binary";

type OneShot = (algorithm: string, message: Uint8Array | string, encoding: "binary") => string;

/** True when units of the string, stored as they are, are the digest's bytes: false on a big-endian machine. */
function canReadUnits(oneShot: OneShot): boolean {
  const digest = oneShot("sha256", "", UNITS);
  const stored = Uint16Array.from({ length: DIGEST_UNITS }, (_, i) => digest.charCodeAt(i));
  return digest.length === DIGEST_UNITS && bytesEqual(new Uint8Array(stored.buffer), hash(""));
}

function selectHash(): Hash {
  if (nodeCrypto === undefined) return (message) => nobleSha256(typeof message === "string" ? utf8(message) : message);
  const { createHash, hash: oneShot } = nodeCrypto;
  if (oneShot === undefined) return (message) => plain(createHash("sha256").update(message).digest());
  // As a Buffer the digest costs twice as much, see `digestColumn`.
  return (message) => {
    const digest = oneShot("sha256", message, "binary");
    const bytes = new Uint8Array(HASH_BYTES);
    for (let i = 0; i < HASH_BYTES; i++) bytes[i] = digest.charCodeAt(i);
    return bytes;
  };
}

function plain(digest: Buffer): Uint8Array {
  return new Uint8Array(digest.buffer, digest.byteOffset, digest.length);
}
