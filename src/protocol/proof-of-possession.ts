import { ByteWriter } from "./byte-writer.js";
import { DOMAIN_POP } from "./domains.js";
import type { Ed25519 } from "./ed25519.js";
import { sha256 } from "./sha256.js";

/**
 * Proof that whoever registers an agent key holds its secret (spec §10): its own signature over a challenge. An X25519 key
 * cannot sign: a signing key of the same agent vouches for it over the same challenge. It binds the key only: not the
 * tenant, agent or key id, so the same proof can be presented again for the same key elsewhere.
 */
const writer = new ByteWriter(64);

/** `H("VES_POP_V1" || public key)`, 32 bytes. */
export function popChallenge(publicKey: Uint8Array): Uint8Array {
  return sha256(writer.reset().ascii(DOMAIN_POP).bytes(publicKey).view());
}

/** 64-byte signature by the 32-byte seed, whose own key `publicKey` is or whose key vouches for it. */
export function signProofOfPossession(publicKey: Uint8Array, seed: Uint8Array, ed25519: Ed25519): Uint8Array {
  return ed25519.sign(popChallenge(publicKey), seed);
}

/** `signer`: `publicKey` itself, or the Ed25519 key that vouches for it. */
export function verifyProofOfPossession(
  publicKey: Uint8Array,
  signature: Uint8Array,
  signer: Uint8Array,
  ed25519: Ed25519,
): boolean {
  return ed25519.verify(signature, popChallenge(publicKey), signer);
}
