/** What a rejected event leaves behind, seen through the answer and through the data folder. */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import Database from "better-sqlite3";
import { expect } from "vitest";
import { toHex } from "../../src/base/bytes.js";
import { type AgentEventFields, signEvent } from "../../src/protocol/agent-event.js";
import { encryptPayload } from "../../src/protocol/encryption.js";
import type { EventEnvelope } from "../../src/protocol/envelope.js";
import { ed25519, type TestAgent, type TestService, uuid } from "./service.js";

export type Edit = (event: Record<string, unknown>) => void;

export const setting =
  (name: string, value: unknown): Edit =>
  (event) =>
    void Object.assign(event, { [name]: value });

/** Changes what is at a path inside `payload_encrypted`. */
export function at<T>(path: string, change: T | ((before: T) => unknown)): Edit {
  return (event) => {
    const steps = path.split(".");
    const last = steps.pop()!;
    let inner = event.payload_encrypted as Record<string, unknown>;
    for (const step of steps) inner = inner[step] as Record<string, unknown>;
    inner[last] = change instanceof Function ? change(inner[last] as T) : change;
  };
}

/** The single rejection of a single event, which leaves no entry but one record. */
export async function rejectionOf(event: unknown, of: TestAgent): Promise<{ reason: string; message: string }> {
  const before = storedCounts(of.service);
  const { status, json, text } = await of.ingest([event]);
  expect(status, text).toBe(200);
  expect(json, text).toMatchObject({ eventsAccepted: 0, eventsRejected: 1, sequenceStart: null, sequenceEnd: null });
  expect(json).not.toHaveProperty("receipts");
  const { event_id, reason, message, ...rest } = json.rejections[0];
  expect(event_id).toBe((event as EventEnvelope).event_id);
  expect(rest).toEqual({});
  const after = storedCounts(of.service);
  expect(after).toEqual({ entries: before.entries, rejections: before.rejections + 1 });
  expect(lastRejection(of.service)).toEqual({
    event_id: event_id.replaceAll("-", ""),
    tenant_id: of.tenantId.replaceAll("-", ""),
    store_id: of.storeId.replaceAll("-", ""),
    reason,
    message,
  });
  return { reason, message };
}

export async function encryptedEvent(agent: TestAgent): Promise<Record<string, unknown>> {
  const { tenantId, storeId, agentId: sourceAgentId, keyId: agentKeyId } = agent;
  const names = { entityType: "order", entityId: `o-${toHex(randomBytes(4))}`, eventType: "order.paid" };
  const fields: AgentEventFields = {
    tenantId,
    storeId,
    eventId: uuid(),
    sourceAgentId,
    agentKeyId,
    ...names,
    createdAt: new Date().toISOString(),
  };
  const recipients = [1, 7].map((kid) => ({ kid, publicKey: X25519_KEY }));
  const sealed = await encryptPayload({ payload: { card: "4111" }, aadFields: fields, recipients });
  return structuredClone({ ...signEvent({ ...fields, ...sealed }, agent.seed, ed25519) }) as Record<string, unknown>;
}

const X25519_KEY = Buffer.from("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a", "hex");

interface Encrypted {
  enc_version: number;
  aead: string;
  nonce_b64u: string;
  ciphertext_b64u: string;
  tag_b64u: string;
  hpke: { mode: string; kem: string; kdf: string; aead: string };
  recipients: { recipient_kid: number; enc_b64u: string; ct_b64u: string }[];
}

export function encryptedShape(): Encrypted {
  const hpke = { mode: "base", kem: "X25519-HKDF-SHA256", kdf: "HKDF-SHA256", aead: "AES-256-GCM" };
  return {
    enc_version: 1,
    aead: "AES-256-GCM",
    nonce_b64u: "",
    ciphertext_b64u: "",
    tag_b64u: "",
    hpke,
    recipients: [],
  };
}

export function query(service: TestService, sql: string): Record<string, unknown>[] {
  const db = new Database(join(service.folder, "sequencer.db"), { readonly: true });
  try {
    return db.prepare(sql).all() as Record<string, unknown>[];
  } finally {
    db.close();
  }
}

/** Rows of the log and of the rejection records. */
export function storedCounts(service: TestService): { entries: number; rejections: number } {
  const sql = "SELECT (SELECT count(*) FROM entries) AS entries, (SELECT count(*) FROM ves_rejections) AS rejections";
  return query(service, sql)[0] as { entries: number; rejections: number };
}

function lastRejection(service: TestService): Record<string, unknown> | undefined {
  const columns = ["event_id", "tenant_id", "store_id"].map((name) => `lower(hex(${name})) AS ${name}`).join(", ");
  return query(service, `SELECT ${columns}, reason, message FROM ves_rejections ORDER BY id DESC LIMIT 1`)[0];
}
