/**
 * Signatures are checked for all requests of a task together. Whatever stands beside a request there, it gets what it gets
 * alone, and what its events deserve.
 */
import { randomBytes, randomUUID } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Uuid } from "../../../src/base/ids.js";
import { signEvent } from "../../../src/protocol/agent-event.js";
import type { SignatureCheck } from "../../../src/protocol/ed25519.js";
import { type AgentKey, KEY_PURPOSE_SIGNING } from "../../../src/store/contract.js";
import { BatchVerifier } from "../../../src/verify/batch-verifier.js";
import { checkSignatures, type JudgedRequest } from "../../../src/verify/check-signatures.js";
import { selectEd25519 } from "../../../src/verify/ed25519-native.js";
import { unpackLegacyRequests } from "../../../src/verify/legacy-request.js";
import type { Scope } from "../../../src/verify/scope.js";
import { unpackVerifiedRequests, type VerifiedRequest } from "../../../src/verify/verified-request.js";
import { type IngestRequest, judgeRequest, verifyRequest } from "../../../src/verify/verify-request.js";
import { packRequests } from "../../../src/verify/verify-task.js";
import { TEST_SEED } from "../../support/seed.js";

const ed25519 = selectEd25519();
const NOW_MS = Date.UTC(2026, 10, 21);
const SCOPE: Scope = { tenantId: null, storeIds: [], agentId: null, canRead: true, canWrite: true, canAdmin: true };
const LIMITS = { eventsPerBatchMax: 50, eventPayloadBytesMax: 10_000 };
const RULES = { entityTypes: [], futureMsMax: 1000, isSchemaRequired: false };

const [tenantId, storeId, sourceAgentId] = [randomUUID() as Uuid, randomUUID() as Uuid, randomUUID() as Uuid];
const agentSeed = randomBytes(32);
const GOOD_KEY = 1;
const REVOKED_KEY = 2;
const UNKNOWN_KEY = 3;

function agentKey(keyId: number, revokedAtMs: number | null): AgentKey {
  const ref = { tenantId, agentId: sourceAgentId, purpose: KEY_PURPOSE_SIGNING, keyId } as const;
  const window = { validFromMs: null, validToMs: null, revokeReason: null, createdAtMs: NOW_MS };
  return { ...ref, publicKey: ed25519.publicKey(agentSeed), revokedAtMs, ...window };
}
const KEYS = [agentKey(GOOD_KEY, null), agentKey(REVOKED_KEY, NOW_MS)];

const CONTEXT = {
  ...{ limits: LIMITS, rules: RULES, nowMs: NOW_MS, keyEpoch: 0, ed25519 },
  findKey: ({ keyId }: { readonly keyId: number }) => KEYS.find((key) => key.keyId === keyId),
};

type Envelope = Record<string, unknown>;

function sound(agentKeyId = GOOD_KEY): Envelope {
  const ids = { tenantId, storeId, sourceAgentId, agentKeyId, eventId: randomUUID() as Uuid };
  const entity = { entityType: "order", entityId: "order-1", eventType: "order.confirmed" };
  const createdAt = new Date(NOW_MS).toISOString();
  return { ...signEvent({ ...ids, ...entity, createdAt, payload: { total: 1 } }, agentSeed, ed25519) };
}

const FORGED = "invalid_signature Agent signature verification failed: VerificationFailed";

/** An event by its letter, what verification says of it, and whether it has to look at the signature for that. */
const EVENTS: Readonly<Record<string, { make: (before: Envelope[]) => Envelope; says: string; isSigned: boolean }>> = {
  v: { make: () => sound(), says: "verified", isSigned: true },
  f: { make: () => ({ ...sound(), agent_signature: sound().agent_signature }), says: FORGED, isSigned: true },
  u: {
    make: () => sound(REVOKED_KEY),
    says: "agent_key_invalid: Agent key has been revoked Agent key has been revoked",
    isSigned: false,
  },
  r: { make: ([first]) => first!, says: "duplicate_event_id", isSigned: false },
  h: {
    make: () => ({ ...sound(), payload: { total: 2 } }),
    says: "invalid_payload_hash Payload hash verification failed",
    isSigned: false,
  },
  s: {
    make: () => ({ ...sound(), agent_signature_scheme: 2 }),
    says: "invalid_signature Agent signature scheme MlDsa65 is not allowed under the legacy profile",
    isSigned: false,
  },
};

/** Requests that get no further than that, whatever events they carry. */
const OTHERS = ["refused", "keys_missing", "legacy"];

/** A request of one event per letter, or one of `OTHERS`. */
function request(requestId: number, letters: string): IngestRequest {
  const events: Envelope[] = [];
  if (letters === "keys_missing") events.push(sound(), sound(UNKNOWN_KEY));
  else if (letters === "refused") events.push(sound(), { ...sound(), store_id: randomUUID() });
  else if (letters !== "legacy") for (const letter of letters) events.push(EVENTS[letter]!.make(events));
  const isLegacy = letters === "legacy";
  const body = JSON.stringify(isLegacy ? { agent_id: sourceAgentId, events } : { agentId: sourceAgentId, events });
  const form = isLegacy ? "legacy" : "ves";
  return { form, requestId, batchId: randomUUID() as Uuid, scope: SCOPE, by: null, body: Buffer.from(body) };
}

/** All of a task by a worker of its own. */
function verifyTogether(requests: readonly IngestRequest[]) {
  const worker = { limits: LIMITS, rules: RULES, keyEpoch: new SharedArrayBuffer(4), keyCacheEntriesMax: 10 };
  const keys = KEYS.map((key) => ({ ref: key, key, epoch: 0 }));
  return new BatchVerifier(worker, { nowMs: () => NOW_MS }).verify({ ...packRequests(requests), keys });
}

/** One request without any other. */
function verifyAlone(given: IngestRequest): VerifiedRequest {
  const outcome = verifyRequest(given, CONTEXT);
  if (outcome.kind !== "verified") throw new Error(outcome.kind);
  return outcome.request;
}

function verdicts({ events }: VerifiedRequest): string[] {
  return events.map((event) => {
    if (event.stage === "verified") return "verified";
    return event.stage === "refused" && event.repeated ? event.reason : `${event.reason} ${event.message}`;
  });
}

function expectAsAlone(task: readonly string[]): void {
  const requests = task.map((letters, index) => request(index + 1, letters));
  const result = verifyTogether(requests);
  const ofKind = (kind: string) => requests.filter((_, index) => task[index] === kind).map((each) => each.requestId);
  const judged = requests.filter((_, index) => !OTHERS.includes(task[index]!));

  const verified = unpackVerifiedRequests(result.verified);
  expect(plain(verified)).toEqual(plain(judged.map(verifyAlone)));
  expect(verified.map(verdicts)).toEqual(
    judged.map((each) => [...task[each.requestId - 1]!].map((letter) => EVENTS[letter]!.says)),
  );
  expect(result.verifiedEvents).toBe(verified.reduce((sum, { events }) => sum + events.length, 0));
  expect(result.refused.map(({ requestId }) => requestId)).toEqual(ofKind("refused"));
  expect(result.missing.map(({ requestId }) => requestId)).toEqual(ofKind("keys_missing"));
  const legacy = result.legacy === null ? [] : unpackLegacyRequests(result.legacy);
  expect(legacy.map(({ requestId }) => requestId)).toEqual(ofKind("legacy"));
}

/** Bytes as hex: a view of one buffer is no other than one of another. */
function plain(requests: readonly VerifiedRequest[]): unknown {
  return JSON.parse(
    JSON.stringify(requests, function (this: Record<string, unknown>, name, member: unknown) {
      const bytes = this[name];
      return bytes instanceof Uint8Array ? Buffer.from(bytes).toString("hex") : member;
    }),
  );
}

describe("requests of one task", () => {
  it.each([
    ["nothing", []],
    ["a forged event first", ["fvv", "vvv", "vv"]],
    ["a forged event last", ["vv", "vvv", "vvf"]],
    ["forged events at the ends of each", ["fvf", "fvf", "f", "v", "f"]],
    ["nothing but forged ones", ["fff", "f", "ff"]],
    ["one forged request between honest ones", ["v", "vv", "ff", "vv", "v"]],
    ["forged ones between events without a check", ["ufrvsfhv", "uuu", "vrfru", "hs", "fuv"]],
    ["forged ones between requests without a check", ["refused", "fv", "keys_missing", "vf", "legacy", "f", "refused"]],
    ["no signature at all", ["u", "refused", "h", "keys_missing", "s", "legacy"]],
  ])("get what each gets alone: %s", (_name, task) => expectAsAlone(task));

  it("get what each gets alone, whatever they are", () => {
    const letters = fc.array(fc.constantFrom(..."vvvffurhs"), { minLength: 1, maxLength: 8 }).map((drawn) => {
      // The first event has nothing to repeat.
      return drawn.join("").replace(/^r/, "v");
    });
    const requests = fc.oneof({ weight: 5, arbitrary: letters }, { weight: 1, arbitrary: fc.constantFrom(...OTHERS) });
    const property = fc.property(fc.array(requests, { maxLength: 8 }), expectAsAlone);
    fc.assert(property, { seed: TEST_SEED, numRuns: 200 });
  });
});

it("asks once for the signatures of all requests, and for those alone that decide something", () => {
  const asked: (readonly SignatureCheck[])[] = [];
  const verifyAll = (checks: readonly SignatureCheck[]) => {
    asked.push(checks);
    return ed25519.verifyAll(checks);
  };
  const task = ["vsf", "refused", "uh", "keys_missing", "vrv"];
  const requests = task.map((letters, index) => request(index + 1, letters));
  const judged: JudgedRequest[] = [];
  for (const each of requests) {
    const outcome = judgeRequest(each, CONTEXT);
    if (outcome.kind === "judged") judged.push(outcome.request);
  }
  const verified = checkSignatures(judged, { ...ed25519, verifyAll });
  expect(verified.map(verdicts)).toEqual(
    judged.map(({ requestId }) => verdicts(verifyAlone(requests[requestId - 1]!))),
  );

  const signatures = requests.flatMap(({ body }, index) => {
    if (OTHERS.includes(task[index]!)) return [];
    const { events } = JSON.parse(Buffer.from(body).toString()) as { events: { agent_signature: string }[] };
    return events.filter((_, at) => EVENTS[task[index]![at]!]!.isSigned).map((event) => event.agent_signature);
  });
  expect(asked.map((checks) => checks.map(({ signature }) => `0x${Buffer.from(signature).toString("hex")}`))).toEqual([
    signatures,
  ]);
});

it("takes nothing for verified that has no verdict", () => {
  const outcome = judgeRequest(request(1, "vv"), CONTEXT);
  if (outcome.kind !== "judged") throw new Error(outcome.kind);
  const { request: judged } = outcome;
  expect(() => checkSignatures([judged], { ...ed25519, verifyAll: () => [true] })).toThrow("has a verdict");
});
