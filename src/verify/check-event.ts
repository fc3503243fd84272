/**
 * The event-level half of verification (ves-protocol §4.4 C), in the protocol's order: the first failure drops this
 * event only. What `readIngestBody` has already settled (lengths, a payload for its kind) is not asked again. The last step,
 * the signature, is `check-signatures.ts`.
 */
import { bytesEqual } from "../base/bytes.js";
import { checkEncryptedPayload } from "../protocol/check-encrypted-payload.js";
import { PAYLOAD_PLAIN, VES_VERSION } from "../protocol/envelope.js";
import { payloadAad, payloadCipherHash, payloadPlainHash, ZERO_HASH } from "../protocol/payload-hash.js";
import { parseRfc3339 } from "../protocol/rfc3339.js";
import type { AgentKey } from "../store/contract.js";
import type { EventFields } from "./event-fields.js";
import type { IngestEvent } from "./ingest-body.js";
import type { Rejection } from "./verified-request.js";

export interface EventRules {
  /** Allowed entity types; empty = any. */
  readonly entityTypes: readonly string[];
  /** How far created_at may lie ahead of the server's clock. */
  readonly futureMsMax: number;
  /** SCHEMA_VALIDATION_MODE=required: an event type without a registered schema is refused. */
  readonly isSchemaRequired: boolean;
}

/** ves-protocol §4.4 A, asked before an event counts for anything else. Null = passed. */
export function checkSchema(fields: EventFields, rules: EventRules): Rejection | null {
  if (!rules.isSchemaRequired) return null;
  return { reason: "schema_validation", message: `No schema registered for event type '${fields.eventType}'` };
}

/** Everything that needs neither a schema, a key nor a signature. Null = passed. */
export function checkContent(event: IngestEvent, rules: EventRules, nowMs: number): Rejection | null {
  const { fields } = event;
  if (fields.vesVersion !== VES_VERSION) {
    return { reason: "unsupported_version", message: `Expected VES version 1, got ${fields.vesVersion}` };
  }
  const unwanted = disallowed(fields.entityType, rules);
  if (unwanted !== null) return invalidField("entity_type", unwanted);
  return fields.payloadKind === PAYLOAD_PLAIN
    ? (checkPlainShape(fields) ?? checkCreatedAt(fields, rules, nowMs) ?? checkPlainHash(event))
    : checkEncrypted(fields, rules, nowMs);
}

function checkPlainShape(fields: EventFields): Rejection | null {
  if (fields.payloadEncrypted !== undefined) {
    return invalidField("payload_encrypted", "payload_encrypted must be omitted for plaintext events");
  }
  if (!bytesEqual(fields.payloadCipherHash, ZERO_HASH)) {
    return invalidField("payload_cipher_hash", "payload_cipher_hash must be zero for plaintext events");
  }
  return null;
}

function checkPlainHash({ fields, payloadText }: IngestEvent): Rejection | null {
  if (bytesEqual(fields.payloadPlainHash, payloadPlainHash(payloadText))) return null;
  return { reason: "invalid_payload_hash", message: "Payload hash verification failed" };
}

function checkEncrypted(fields: EventFields, rules: EventRules, nowMs: number): Rejection | null {
  if (fields.payload !== undefined) return invalidField("payload", "payload must be omitted for encrypted events");
  const parts = checkEncryptedPayload(fields.payloadEncrypted!);
  if ("field" in parts) return invalidField(parts.field, parts.message);
  const untimely = checkCreatedAt(fields, rules, nowMs);
  if (untimely !== null) return untimely;
  const aad = payloadAad(fields, fields.payloadPlainHash);
  if (bytesEqual(fields.payloadCipherHash, payloadCipherHash(parts, aad))) return null;
  return { reason: "invalid_cipher_hash", message: "Payload hash verification failed" };
}

function checkCreatedAt(fields: EventFields, rules: EventRules, nowMs: number): Rejection | null {
  const createdAtMs = parseRfc3339(fields.createdAt);
  if (createdAtMs === null) return invalidField("created_at", "created_at must be RFC3339");
  const untimely = untimeliness(createdAtMs, rules, nowMs);
  return untimely === null ? null : invalidField("created_at", untimely);
}

/** What is wrong with a time, or null. */
export function untimeliness(createdAtMs: number, rules: EventRules, nowMs: number): string | null {
  if (createdAtMs - nowMs <= rules.futureMsMax) return null;
  return `created_at is more than ${rules.futureMsMax / 1000} s in the future`;
}

/** What is wrong with an entity type, or null. */
export function disallowed(entityType: string, rules: EventRules): string | null {
  if (rules.entityTypes.length === 0 || rules.entityTypes.includes(entityType)) return null;
  return `entity_type '${entityType}' is not allowed here`;
}

function invalidField(field: string, message: string): Rejection {
  return { reason: `schema_validation: ${field}`, message };
}

/** Judges a key at the server's clock (ves-protocol §10): both window ends inclusive. Null = usable. */
export function checkKey(key: AgentKey | null, nowMs: number): Rejection | null {
  if (key === null) return unusableKey("Agent key not found");
  if (key.revokedAtMs !== null) return unusableKey("Agent key has been revoked");
  if (key.validFromMs !== null && nowMs < key.validFromMs) return unusableKey("Agent key is not yet valid");
  if (key.validToMs !== null && nowMs > key.validToMs) return unusableKey("Agent key has expired");
  return null;
}

function unusableKey(message: string): Rejection {
  return { reason: `agent_key_invalid: ${message}`, message };
}

/** Schemes 2 and 3 are the post-quantum ones; every other number means Ed25519 (ves-protocol §4.1). */
const SCHEME_NAMES: Readonly<Record<number, string>> = { 2: "MlDsa65", 3: "Ed25519MlDsa65" };

/** Null = the signature is one of Ed25519's, and remains to be checked. */
export function checkScheme(fields: EventFields): Rejection | null {
  const scheme = SCHEME_NAMES[fields.signatureScheme];
  if (scheme === undefined) return null;
  const message = `Agent signature scheme ${scheme} is not allowed under the legacy profile`;
  return { reason: "invalid_signature", message };
}
