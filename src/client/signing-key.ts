import { nobleEd25519, SEED_BYTES } from "../protocol/ed25519.js";
import { signProofOfPossession } from "../protocol/proof-of-possession.js";

/** An agent's Ed25519 key: RFC 8032 seed (secret) and public key, 32 bytes each. */
export interface SigningKey {
  readonly seed: Uint8Array;
  readonly publicKey: Uint8Array;
}

export function generateSigningKey(): SigningKey {
  const seed = crypto.getRandomValues(new Uint8Array(SEED_BYTES));
  return { seed, publicKey: nobleEd25519.publicKey(seed) };
}

/**
 * What a key registration needs, 64 bytes: the seed's own key proven, or, with `encryptionPublicKey`, that X25519 key
 * (which cannot sign) vouched for by this signing key of the same agent.
 */
export function proofOfPossession(seed: Uint8Array, encryptionPublicKey?: Uint8Array): Uint8Array {
  return signProofOfPossession(encryptionPublicKey ?? nobleEd25519.publicKey(seed), seed, nobleEd25519);
}
