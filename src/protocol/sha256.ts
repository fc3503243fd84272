import { sha256 as nobleSha256 } from "@noble/hashes/sha2.js";
import { utf8 } from "../base/bytes.js";

/**
 * SHA-256, the only hash of the protocol. On Node the built-in one-shot hash is used (about 1 us for a short message),
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

function selectHash(): Hash {
  if (nodeCrypto === undefined) return (message) => nobleSha256(typeof message === "string" ? utf8(message) : message);
  const { createHash, hash: oneShot } = nodeCrypto;
  if (oneShot === undefined) return (message) => plain(createHash("sha256").update(message).digest());
  return (message) => plain(oneShot("sha256", message, "buffer"));
}

function plain(digest: Buffer): Uint8Array {
  return new Uint8Array(digest.buffer, digest.byteOffset, digest.length);
}
