import { createPublicKey, diffieHellman, generateKeyPairSync } from "node:crypto";
import { encodeBase64Url } from "../protocol/base64url.js";

const probe = generateKeyPairSync("x25519").privateKey;

/** False for the points whose shared secret is zero with every key (RFC 7748 §6.1): nothing sealed to them is secret. */
export function isAcceptableEncryptionKey(publicKey: Uint8Array): boolean {
  try {
    const key = createPublicKey({ format: "jwk", key: { kty: "OKP", crv: "X25519", x: encodeBase64Url(publicKey) } });
    return diffieHellman({ privateKey: probe, publicKey: key }).some((byte) => byte !== 0);
  } catch {
    return false;
  }
}
