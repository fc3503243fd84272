/** Agent keys over HTTP (ves-protocol §10): what is sent, and what comes back. */
import { toHex } from "../base/bytes.js";
import { integerAt, listAt, objectOf, textAt } from "./answers.js";

export type AgentKeyType = "signing" | "encryption";

export interface AgentKeyRegistration {
  readonly tenantId: string;
  readonly agentId: string;
  /** Default: the service takes the next free one. */
  readonly keyId?: number;
  /** Default "signing". */
  readonly keyType?: AgentKeyType;
  /** Ed25519 or X25519, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** 64 bytes, see `proofOfPossession`. */
  readonly proofOfPossession?: Uint8Array;
  /** Encryption keys: which signing key of the agent made the proof. */
  readonly signingKeyId?: number;
  /** RFC 3339, both ends inclusive. */
  readonly validFrom?: string;
  readonly validTo?: string;
}

export interface AgentKeyRegistered {
  readonly tenantId: string;
  readonly agentId: string;
  readonly keyId: number;
}

export interface AgentKeyRef {
  readonly tenantId: string;
  readonly agentId: string;
  readonly keyId: number;
  /** Default "signing". */
  readonly keyType?: AgentKeyType;
  readonly reason?: string;
}

export interface AgentKeyRevoked extends AgentKeyRegistered {
  /** RFC 3339. */
  readonly revokedAt: string;
}

/** Times are RFC 3339, null where open. */
export interface AgentKey extends AgentKeyRegistered {
  readonly keyType: AgentKeyType;
  /** 32 bytes of hex. */
  readonly publicKey: string;
  readonly status: "active" | "revoked" | "expired" | "not_yet_valid";
  readonly validFrom: string | null;
  readonly validTo: string | null;
  readonly createdAt: string;
  readonly revokedAt: string | null;
  readonly revokeReason: string | null;
}

/** Key algorithm codes of the protocol. */
const ALGORITHMS: Readonly<Record<AgentKeyType, number>> = { signing: 1, encryption: 2 };

export function registrationBody({ keyType, ...registration }: AgentKeyRegistration): string {
  const { publicKey, proofOfPossession } = registration;
  return JSON.stringify({
    ...registration,
    keyAlgorithm: ALGORITHMS[keyType ?? "signing"],
    publicKey: toHex(publicKey),
    proofOfPossession: proofOfPossession === undefined ? undefined : toHex(proofOfPossession),
  });
}

export function revocationBody({ keyType, ...ref }: AgentKeyRef): string {
  return JSON.stringify({ ...ref, keyAlgorithm: ALGORITHMS[keyType ?? "signing"] });
}

export function readRegistered(answer: unknown): AgentKeyRegistered {
  const body = objectOf(answer);
  return { tenantId: textAt(body, "tenantId"), agentId: textAt(body, "agentId"), keyId: integerAt(body, "keyId") };
}

export function readRevoked(answer: unknown): AgentKeyRevoked {
  return { ...readRegistered(answer), revokedAt: textAt(objectOf(answer), "revokedAt") };
}

/** Part of an agent's keys; `next`: where the next part starts, null = there is none. */
export interface AgentKeyPart {
  readonly keys: readonly AgentKey[];
  readonly next: string | null;
}

export function readAgentKeys(answer: unknown): AgentKeyPart {
  const body = objectOf(answer);
  const keys = listAt(body, "keys").map((value) => {
    const key = objectOf(value);
    readRegistered(key);
    textAt(key, "publicKey");
    textAt(key, "status");
    return key as unknown as AgentKey;
  });
  const isLast = keys.length === 0 || (body.next ?? null) === null;
  return { keys, next: isLast ? null : textAt(body, "next") };
}
