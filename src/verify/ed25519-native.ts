import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import { createRequire } from "node:module";
import { assert } from "../base/assert.js";
import { bytesEqual } from "../base/bytes.js";
import { decodeBase64Url, encodeBase64Url } from "../protocol/base64url.js";
import {
  type Ed25519,
  isAcceptablePublicKey,
  oneByOne,
  PUBLIC_KEY_BYTES,
  passesEncodingRule,
  SEED_BYTES,
  SIGNATURE_BYTES,
} from "../protocol/ed25519.js";

/**
 * Native Ed25519 for the hot path, under the rule of `protocol/ed25519.ts`: the shared byte check runs first, so that what
 * the libraries disagree on never reaches them. Both compute the cofactorless equation; tests hold them to it.
 */
type Sodium = typeof import("sodium-native");

/** Imported keys kept for reuse: an import costs about 7 µs, a verification 60 µs. Oldest first out. */
const CACHED_KEYS_MAX = 1024;

/** What this protocol signs: a SHA-256. */
export const DIGEST_BYTES = 32;

const OKP = { kty: "OKP", crv: "Ed25519" };
const PLACEHOLDER_X = encodeBase64Url(new Uint8Array(PUBLIC_KEY_BYTES));

/** First in, first out: hits do not reorder, so a lookup is one Map access. */
class BoundCache<V> {
  readonly #entries = new Map<string, V>();

  constructor(readonly entriesMax: number) {}

  get(id: string): V | undefined {
    return this.#entries.get(id);
  }

  set(id: string, value: V): void {
    if (this.#entries.size >= this.entriesMax) this.#entries.delete(this.#entries.keys().next().value!);
    this.#entries.set(id, value);
  }
}

/** libsodium through sodium-native, or null where its binary does not load. */
export const sodiumEd25519: Ed25519 | null = createSodiumEd25519(loadSodium());

/**
 * `isAcceptablePublicKey`, in 0.1 ms where libsodium loads: registrations are judged by the thread that serves everybody, and
 * JavaScript takes 3 ms to multiply a point by the group's order.
 */
export const isAcceptableKey: (publicKey: Uint8Array) => boolean = createAcceptance(loadSodium());

/** node:crypto (OpenSSL). */
export const nodeEd25519: Ed25519 = createNodeEd25519();

/** The fastest verifier this machine has: libsodium verifies in about half of OpenSSL's time. */
export function selectEd25519(): Ed25519 {
  return sodiumEd25519 ?? nodeEd25519;
}

function loadSodium(): Sodium | null {
  try {
    return createRequire(import.meta.url)("sodium-native") as Sodium;
  } catch {
    return null;
  }
}

function createSodiumEd25519(sodium: Sodium | null): Ed25519 | null {
  if (sodium === null) return null;
  const secretKeys = new BoundCache<Uint8Array>(CACHED_KEYS_MAX);
  let lastSeed: Uint8Array = new Uint8Array(0);
  let lastSecretKey: Uint8Array = lastSeed;
  /** libsodium's 64-byte secret key is seed || public key. */
  const secretKeyOf = (seed: Uint8Array): Uint8Array => {
    assert(seed.length === SEED_BYTES, "an Ed25519 seed is 32 bytes");
    // A thread signs with one seed, nearly always.
    if (bytesEqual(seed, lastSeed)) return lastSecretKey;
    const id = bytesId(seed);
    let secretKey = secretKeys.get(id);
    if (secretKey === undefined) {
      secretKey = new Uint8Array(SEED_BYTES + PUBLIC_KEY_BYTES);
      sodium.crypto_sign_seed_keypair(new Uint8Array(PUBLIC_KEY_BYTES), secretKey, unshared(seed));
      secretKeys.set(id, secretKey);
    }
    // `slice` of a Buffer would be the caller's bytes.
    lastSeed = new Uint8Array(seed);
    lastSecretKey = secretKey;
    return secretKey;
  };
  // Bytes go in and out through areas that stay: passing a small array to native code makes the engine allocate and track
  // memory for it outside its heap, about 1 µs each time.
  const signatureArea = new Uint8Array(SIGNATURE_BYTES);
  const publicKeyArea = new Uint8Array(PUBLIC_KEY_BYTES);
  const digestArea = new Uint8Array(DIGEST_BYTES);
  const messageArea = (message: Uint8Array): Uint8Array => {
    if (message.length !== DIGEST_BYTES) return unshared(message);
    digestArea.set(message);
    return digestArea;
  };
  return oneByOne({
    name: "sodium",
    verify(signature, message, publicKey) {
      if (!passesEncodingRule(signature, publicKey)) return false;
      signatureArea.set(signature);
      publicKeyArea.set(publicKey);
      return sodium.crypto_sign_verify_detached(signatureArea, messageArea(message), publicKeyArea);
    },
    sign(message, seed) {
      sodium.crypto_sign_detached(signatureArea, messageArea(message), secretKeyOf(seed));
      return signatureArea.slice();
    },
    publicKey: (seed) => secretKeyOf(seed).slice(SEED_BYTES),
  });
}

/** libsodium asks the same: canonical, on the curve, not of small order, in the prime-order subgroup. */
function createAcceptance(sodium: Sodium | null): (publicKey: Uint8Array) => boolean {
  if (sodium === null) return isAcceptablePublicKey;
  return (publicKey) =>
    publicKey.length === PUBLIC_KEY_BYTES && sodium.crypto_core_ed25519_is_valid_point(unshared(publicKey));
}

function createNodeEd25519(): Ed25519 {
  const publicKeys = new BoundCache<KeyObject>(CACHED_KEYS_MAX);
  const privateKeys = new BoundCache<KeyObject>(CACHED_KEYS_MAX);
  const privateKeyOf = (seed: Uint8Array): KeyObject => {
    assert(seed.length === SEED_BYTES, "an Ed25519 seed is 32 bytes");
    const id = bytesId(seed);
    let key = privateKeys.get(id);
    if (key === undefined) {
      // Node takes the key from `d` alone but wants `x` present, as a JWK does.
      key = createPrivateKey({ key: { ...OKP, d: encodeBase64Url(seed), x: PLACEHOLDER_X }, format: "jwk" });
      privateKeys.set(id, key);
    }
    return key;
  };
  return oneByOne({
    name: "node",
    verify(signature, message, publicKey) {
      if (!passesEncodingRule(signature, publicKey)) return false;
      const id = bytesId(publicKey);
      let key = publicKeys.get(id);
      if (key === undefined) {
        // JWK, not DER: 7 µs against 80 µs, and no ASN.1 to build.
        key = createPublicKey({ key: { ...OKP, x: encodeBase64Url(publicKey) }, format: "jwk" });
        publicKeys.set(id, key);
      }
      return verify(null, message, key, signature);
    },
    sign: (message, seed) => plain(sign(null, message, privateKeyOf(seed))),
    publicKey: (seed) => decodeBase64Url(createPublicKey(privateKeyOf(seed)).export({ format: "jwk" }).x!)!,
  });
}

/** sodium-native silently answers nothing for bytes in shared memory, which would read as a bad signature: copy those. */
function unshared(bytes: Uint8Array): Uint8Array {
  return bytes.buffer instanceof ArrayBuffer ? bytes : new Uint8Array(bytes);
}

export function bytesId(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
}

function plain(bytes: Buffer): Uint8Array {
  return new Uint8Array(bytes);
}
