import { createPublicKey, diffieHellman, generateKeyPairSync } from "node:crypto";
import { encodeBase64Url } from "../protocol/base64url.js";

const probe = generateKeyPairSync("x25519").privateKey;

/**
 * False for the points whose shared secret is zero with every key (RFC 7748 §6.1): nothing sealed to them is secret. False
 * for second spellings of a point too (u >= 2^255 - 19): no key generator makes one.
 */
export function isAcceptableEncryptionKey(publicKey: Uint8Array): boolean {
  if (!isCanonicalU(publicKey)) return false;
  try {
    const key = createPublicKey({ format: "jwk", key: { kty: "OKP", crv: "X25519", x: encodeBase64Url(publicKey) } });
    return diffieHellman({ privateKey: probe, publicKey: key }).some((byte) => byte !== 0);
  } catch {
    return false;
  }
}

function isCanonicalU(u: Uint8Array): boolean {
  if (u[31] !== 0x7f) return u[31]! < 0x7f;
  for (let i = 30; i > 0; i--) if (u[i] !== 0xff) return true;
  return u[0]! < 0xed;
}
