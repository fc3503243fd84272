/**
 * A second opinion on one event of an ingest request, written from ves-protocol §2-4 alone: node:crypto for hashes and
 * signatures, the npm package for canonical JSON, nothing of the service's own code.
 */
import { createHash, type KeyObject, verify } from "node:crypto";
import canonicalize from "canonicalize";
import { readCipherParts } from "./judge-encrypted.js";

export interface JudgeContext {
  readonly tenantId: string;
  readonly storeId: string;
  readonly agentId: string;
  readonly keys: ReadonlyMap<number, { readonly publicKey: KeyObject; readonly isRevoked: boolean }>;
}

export type Judged =
  /** The whole request must be refused. */
  | { readonly kind: "malformed"; readonly why: string }
  | { readonly kind: "rejected"; readonly id: string; readonly reason: string }
  /** Signed by the agent as it stands; what is stored decides the rest. */
  | SignedEvent;

export interface SignedEvent {
  readonly kind: "signed";
  readonly id: string;
  /** Equal for exact replays of each other. */
  readonly normal: string;
  readonly entity: string;
  readonly commandId: string | null;
  readonly baseVersion: string | null;
}

type Json = Record<string, unknown>;

const UUID =
  /^(?:urn:uuid:)?[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$|^(?:urn:uuid:)?[0-9a-f]{32}$/i;
const U64_MAX = 0xffff_ffff_ffff_ffffn;
const ZERO_HASH = "00".repeat(32);

class Malformed extends Error {}

export function judgeEvent(value: unknown, context: JudgeContext): Judged {
  try {
    return judge(object(value, "event"), context);
  } catch (error) {
    if (error instanceof Malformed) return { kind: "malformed", why: error.message };
    throw error;
  }
}

/** A whole body, given as text. Null = it must be refused. */
export function judgeBody(text: string, context: JudgeContext): Exclude<Judged, { kind: "malformed" }>[] | null {
  try {
    const { agentId, events } = object(JSON.parse(text), "body");
    if (uuid(agentId) !== context.agentId || !Array.isArray(events) || events.length === 0) return null;
    return events.map((event: unknown) => judge(object(event, "event"), context));
  } catch (error) {
    if (error instanceof Malformed || error instanceof SyntaxError) return null;
    throw error;
  }
}

function judge(event: Json, context: JudgeContext): Exclude<Judged, { kind: "malformed" }> {
  const fields = readFields(event);
  if (fields.tenantId !== context.tenantId || fields.storeId !== context.storeId) throw new Malformed("stream");
  if (fields.sourceAgentId !== context.agentId) throw new Malformed("agent");
  const { id } = fields;
  const reason = contentProblem(fields) ?? keyProblem(fields, context) ?? signatureProblem(fields, context);
  if (reason !== null) return { kind: "rejected", id, reason };
  const { commandId, baseVersion, entityType, entityId } = fields;
  return {
    kind: "signed",
    id,
    normal: normalOf(fields),
    entity: JSON.stringify([entityType, entityId]),
    commandId,
    baseVersion,
  };
}

function readFields(event: Json) {
  if (depth(event) > 125) throw new Malformed("nesting");
  const kind = u32(event.payload_kind, "payload_kind");
  if (kind > 1) throw new Malformed("payload_kind");
  const payload = event.payload ?? null;
  const encrypted = orNull(event.payload_encrypted, (value) => readEncrypted(object(value, "payload_encrypted")));
  orNull(event.agent_signature_bundle, (value) => object(value, "bundle"));
  orNull(event.sequence_number, (value) => u64(value, "sequence_number"));
  orNull(event.sequenced_at, (value) => time(text(value, "sequenced_at")) ?? fail("sequenced_at"));
  const fields = {
    version: u32(event.ves_version, "ves_version"),
    id: uuid(event.event_id),
    tenantId: uuid(event.tenant_id),
    storeId: uuid(event.store_id),
    sourceAgentId: uuid(event.source_agent_id),
    keyId: u32(event.agent_key_id, "agent_key_id"),
    entityType: text(event.entity_type, "entity_type", 128),
    entityId: text(event.entity_id, "entity_id", 512),
    eventType: text(event.event_type, "event_type", 256),
    createdAt: text(event.created_at, "created_at"),
    kind,
    payload,
    encrypted,
    plainHash: hex(event.payload_plain_hash, 32),
    cipherHash: hex(event.payload_cipher_hash, 32),
    signature: hex(event.agent_signature, 64),
    scheme: orNull(event.agent_signature_scheme, (value) => integer(value, -(2 ** 31), 2 ** 31 - 1)) ?? 0,
    commandId: orNull(event.command_id, uuid),
    baseVersion: orNull(event.base_version, (value) => u64(value, "base_version")),
  };
  if ((kind === 0 ? payload : encrypted) === null) throw new Malformed("no payload for the kind");
  return fields;
}

type Fields = ReturnType<typeof readFields>;

function contentProblem(fields: Fields): string | null {
  const { version, kind, encrypted, payload, cipherHash, plainHash, createdAt } = fields;
  if (version !== 1) return "unsupported_version";
  const createdAtMs = time(createdAt);
  const isTimely = createdAtMs !== null && createdAtMs <= Date.now() + 3_600_000;
  if (kind === 0) {
    if (encrypted !== null || cipherHash !== ZERO_HASH || !isTimely) return "schema_validation";
    return sha256("VES_PAYLOAD_PLAIN_V1", canonicalize(payload)!) === plainHash ? null : "invalid_payload_hash";
  }
  const parts = payload === null ? readCipherParts(encrypted!) : null;
  if (parts === null || !isTimely) return "schema_validation";
  const aad = sha256("VES_PAYLOAD_AAD_V1", ...signedNames(fields), Buffer.from(plainHash, "hex"));
  const cipher = [u32be(1), parts.nonce, Buffer.from(aad, "hex"), u32be(parts.ciphertext.length), parts.ciphertext];
  const actual = sha256("VES_PAYLOAD_CIPHER_V1", ...cipher, parts.tag, parts.recipientsHash);
  return actual === cipherHash ? null : "invalid_cipher_hash";
}

function keyProblem({ keyId }: Fields, { keys }: JudgeContext): string | null {
  const key = keys.get(keyId);
  return key === undefined || key.isRevoked ? "agent_key_invalid" : null;
}

function signatureProblem(fields: Fields, { keys }: JudgeContext): string | null {
  if (fields.scheme === 2 || fields.scheme === 3) return "invalid_signature";
  const digest = Buffer.from(signingHash(fields), "hex");
  const { publicKey } = keys.get(fields.keyId)!;
  return verify(null, digest, publicKey, Buffer.from(fields.signature, "hex")) ? null : "invalid_signature";
}

function signingHash(fields: Fields): string {
  const hashes = [fields.plainHash, fields.cipherHash].map((hash) => Buffer.from(hash, "hex"));
  return sha256("VES_EVENTSIG_V1", u32be(fields.version), ...signedNames(fields), u32be(fields.kind), ...hashes);
}

function signedNames(fields: Fields): Buffer[] {
  const ids = [fields.tenantId, fields.storeId, fields.id, fields.sourceAgentId];
  const texts = [fields.entityType, fields.entityId, fields.eventType, fields.createdAt].map((name) => {
    const bytes = Buffer.from(name, "utf8");
    return Buffer.concat([u32be(bytes.length), bytes]);
  });
  return [...ids.map((id) => Buffer.from(id.replaceAll("-", ""), "hex")), u32be(fields.keyId), ...texts];
}

function normalOf(fields: Fields): string {
  const { scheme: _, payload, ...compared } = fields;
  return sha256("", canonicalize({ ...compared, payload })!);
}

function sha256(domain: string, ...parts: readonly (string | Uint8Array)[]): string {
  const digest = createHash("sha256").update(domain, "latin1");
  for (const part of parts) digest.update(part);
  return digest.digest("hex");
}

export function u32be(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function fail(why: string): never {
  throw new Malformed(why);
}

function object(value: unknown, name: string): Json {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : fail(name);
}

function orNull<T>(value: unknown, read: (value: unknown) => T): T | null {
  return value === undefined || value === null ? null : read(value);
}

function text(value: unknown, name: string, bytesMax?: number): string {
  if (typeof value !== "string") return fail(name);
  const bytes = Buffer.byteLength(value);
  return bytesMax !== undefined && (bytes < 1 || bytes > bytesMax) ? fail(name) : value;
}

function uuid(value: unknown): string {
  if (typeof value !== "string") return fail("uuid");
  const bare = /^\{[^{}]*\}$/.test(value) && !/^\{urn:/i.test(value) ? value.slice(1, -1) : value;
  if (!UUID.test(bare)) return fail("uuid");
  const digits = bare
    .replace(/^urn:uuid:/i, "")
    .replaceAll("-", "")
    .toLowerCase();
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

function hex(value: unknown, bytes: number): string {
  if (typeof value !== "string") return fail("hex");
  const digits = value.replace(/^0x/, "").toLowerCase();
  return digits.length === bytes * 2 && /^[0-9a-f]*$/.test(digits) ? digits : fail("hex");
}

function integer(value: unknown, min: number, max: number): number {
  return typeof value === "number" && Number.isInteger(value) && value >= min && value <= max ? value : fail("integer");
}

function u32(value: unknown, name: string): number {
  return typeof value === "number" ? integer(value, 0, 2 ** 32 - 1) : fail(name);
}

/** As text: larger ones than a double holds exactly never come from JSON.stringify of the same value. */
function u64(value: unknown, name: string): string {
  const digits = typeof value === "number" ? JSON.stringify(value) : "";
  return /^\d+$/.test(digits) && BigInt(digits) <= U64_MAX ? digits : fail(name);
}

const LONE_SURROGATE = /\p{Surrogate}/u;

/** Levels of nesting. Refuses what no canonical form has: lone surrogates and numbers past a double. */
function depth(value: unknown): number {
  if (typeof value === "string" && LONE_SURROGATE.test(value)) return fail("lone surrogate");
  if (typeof value === "number" && !Number.isFinite(value)) return fail("number");
  if (typeof value !== "object" || value === null) return 0;
  let deepest = 0;
  for (const [name, inner] of Object.entries(value)) {
    if (LONE_SURROGATE.test(name)) fail("lone surrogate");
    deepest = Math.max(deepest, depth(inner));
  }
  return deepest + 1;
}

const RFC3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.\d+)?(?:[Zz]|([+\-\u2212])(\d\d):(\d\d))$/;

/** Milliseconds, the fraction left out. */
function time(value: string): number | null {
  const match = RFC3339.exec(value);
  if (match === null) return null;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  const isReal = date.getUTCFullYear() === year && date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
  const [offsetHours, offsetMinutes] = [Number(match[8] ?? 0), Number(match[9] ?? 0)];
  if (!isReal || hour > 23 || minute > 59 || second > 60 || offsetHours > 23 || offsetMinutes > 59) return null;
  const offset = (match[7] === "+" ? 1 : -1) * (offsetHours * 60 + offsetMinutes);
  return date.getTime() + ((hour * 60 + minute - offset) * 60 + second) * 1000;
}

function readEncrypted(value: Json): Json {
  u32(value.enc_version, "enc_version");
  const hpke = object(value.hpke, "hpke");
  for (const name of ["aead", "nonce_b64u", "ciphertext_b64u", "tag_b64u"]) text(value[name], name);
  for (const name of ["mode", "kem", "kdf", "aead"]) text(hpke[name], name);
  if (!Array.isArray(value.recipients)) return fail("recipients");
  const recipients = value.recipients.map((item: unknown) => {
    const { recipient_kid, enc_b64u, ct_b64u } = object(item, "recipient");
    return { recipient_kid: u32(recipient_kid, "kid"), enc_b64u: text(enc_b64u, "enc"), ct_b64u: text(ct_b64u, "ct") };
  });
  const { enc_version, aead, nonce_b64u, ciphertext_b64u, tag_b64u } = value;
  const { mode, kem, kdf, aead: hpkeAead } = hpke;
  return {
    enc_version,
    aead,
    nonce_b64u,
    ciphertext_b64u,
    tag_b64u,
    hpke: { mode, kem, kdf, aead: hpkeAead },
    recipients,
  };
}
