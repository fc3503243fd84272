/**
 * What a key must prove before it is registered (KEY-06, ves-protocol §10). An Ed25519 key signs its own challenge. An
 * X25519 key cannot sign: a usable signing key of the same agent vouches for it over the same challenge.
 */

import { fromHex } from "../base/bytes.js";
import type { Clock } from "../base/clock.js";
import { CodedError } from "../base/errors.js";
import type { AgentKeyRegistration } from "../lane/lane-item.js";
import { decodeBase64Any } from "../protocol/base64url.js";
import { PUBLIC_KEY_BYTES, SIGNATURE_BYTES } from "../protocol/ed25519.js";
import { AGENT_KEY_ID_MAX } from "../protocol/envelope.js";
import { verifyProofOfPossession } from "../protocol/proof-of-possession.js";
import { type AgentKey, type AgentKeyRef, KEY_PURPOSE_SIGNING, type LogReader } from "../store/contract.js";
import { checkKey } from "../verify/check-event.js";
import { isAcceptableKey, selectEd25519 } from "../verify/ed25519-native.js";
import { isAcceptableEncryptionKey } from "./x25519.js";

/** A registration as asked for: the public key is hex or base64 text. */
export type KeyRegistration = Omit<AgentKeyRegistration, "publicKey"> & { readonly publicKey: string };

export interface KeyProof {
  /** 64 bytes of hex. */
  readonly proofOfPossession: string | null;
  /** The signing key that vouches for an encryption key. */
  readonly signingKeyId: number | null;
}

export interface RegistrationPolicy {
  /** Credentials that may (admins) can leave the proof out. */
  readonly isProofOptional: boolean;
}

export interface ProofContext {
  readonly reader: LogReader;
  readonly clock: Clock;
  readonly policy: RegistrationPolicy;
  readonly mayOmitProof: boolean;
}

const ed25519 = selectEd25519();

export interface ProvenRegistration {
  readonly key: AgentKeyRegistration;
  /** The signing key that vouches for an encryption key. */
  readonly voucher: AgentKeyRef | null;
}

/** Throws INVALID_PUBLIC_KEY, INVALID_FIELD_VALUE, MISSING_REQUIRED_FIELD, INVALID_PROOF_OF_POSSESSION, AGENT_KEY_NOT_FOUND. */
export async function proveRegistration(
  registration: KeyRegistration,
  proof: KeyProof,
  context: ProofContext,
): Promise<ProvenRegistration> {
  const key = { ...registration, publicKey: readPublicKey(registration) };
  checkFields(key);
  if (proof.proofOfPossession === null) {
    if (context.policy.isProofOptional && context.mayOmitProof) return { key, voucher: null };
    throw new CodedError("MISSING_REQUIRED_FIELD", "proofOfPossession is required", { pointer: "/proofOfPossession" });
  }
  const signature = fromHex(proof.proofOfPossession, SIGNATURE_BYTES);
  if (signature === null) throw badProof(`must be ${SIGNATURE_BYTES} bytes of hex`);
  const voucher = key.purpose === KEY_PURPOSE_SIGNING ? null : await vouchingKey(key, proof, context);
  const { publicKey: signer } = voucher ?? key;
  if (!verifyProofOfPossession(key.publicKey, signature, signer, ed25519)) throw badProof("does not match the key");
  return { key, voucher };
}

function readPublicKey({ publicKey: text, purpose }: KeyRegistration): Uint8Array {
  const bytes = fromHex(text, PUBLIC_KEY_BYTES) ?? decodeBase64Any(text, PUBLIC_KEY_BYTES);
  if (bytes === null) throw badKey(`must be ${PUBLIC_KEY_BYTES} bytes of hex or base64`);
  const isAcceptable = purpose === KEY_PURPOSE_SIGNING ? isAcceptableKey(bytes) : isAcceptableEncryptionKey(bytes);
  if (!isAcceptable) throw badKey("is not a canonical point of full order");
  return bytes;
}

function checkFields({ keyId, validFromMs, validToMs }: AgentKeyRegistration): void {
  if (keyId !== null && keyId > AGENT_KEY_ID_MAX) {
    throw new CodedError("INVALID_FIELD_VALUE", `keyId must be at most ${AGENT_KEY_ID_MAX}`, { pointer: "/keyId" });
  }
  if (validFromMs !== null && validToMs !== null && validFromMs > validToMs) {
    throw new CodedError("INVALID_FIELD_VALUE", "validFrom must not be after validTo", { pointer: "/validFrom" });
  }
}

async function vouchingKey(
  key: AgentKeyRegistration,
  proof: KeyProof,
  { reader, clock }: ProofContext,
): Promise<AgentKey> {
  const { tenantId, agentId } = key;
  if (proof.signingKeyId === null) {
    throw new CodedError(
      "MISSING_REQUIRED_FIELD",
      "signingKeyId is required: the signing key that vouches for this key",
      {
        pointer: "/signingKeyId",
      },
    );
  }
  const signer = await reader.agentKey({ tenantId, agentId, purpose: KEY_PURPOSE_SIGNING, keyId: proof.signingKeyId });
  const unusable = checkKey(signer, clock.nowMs());
  if (signer === null || unusable !== null)
    throw new CodedError("AGENT_KEY_NOT_FOUND", `signingKeyId: ${unusable!.message}`);
  return signer;
}

function badKey(problem: string): CodedError {
  return new CodedError("INVALID_PUBLIC_KEY", `publicKey ${problem}`, { pointer: "/publicKey" });
}

function badProof(problem: string): CodedError {
  return new CodedError("INVALID_PROOF_OF_POSSESSION", `proofOfPossession ${problem}`, {
    pointer: "/proofOfPossession",
  });
}
