/**
 * A verify worker uses a key it remembers within the revocation epoch it was read in. A request that was sent back for its
 * keys is judged with those it got, whatever was revoked meanwhile: the lane is told their epoch, and looks again.
 */
import { randomBytes, randomUUID } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { Uuid } from "../../../src/base/ids.js";
import { signEvent } from "../../../src/protocol/agent-event.js";
import { type AgentKey, KEY_PURPOSE_SIGNING } from "../../../src/store/contract.js";
import { BatchVerifier } from "../../../src/verify/batch-verifier.js";
import { selectEd25519 } from "../../../src/verify/ed25519-native.js";
import type { KeyRecord } from "../../../src/verify/key-directory.js";
import type { Scope } from "../../../src/verify/scope.js";
import { unpackVerifiedRequests } from "../../../src/verify/verified-request.js";
import { packRequests } from "../../../src/verify/verify-task.js";

const ed25519 = selectEd25519();
const NOW_MS = Date.UTC(2026, 10, 21);
const SCOPE: Scope = { tenantId: null, storeIds: [], agentId: null, canRead: true, canWrite: true, canAdmin: true };
const LIMITS = { eventsPerBatchMax: 50, eventPayloadBytesMax: 10_000 };
const RULES = { entityTypes: [], futureMsMax: 1000, isSchemaRequired: false };

/** An agent with its key, and requests of one event each. */
class Signer {
  readonly ids = { tenantId: randomUUID() as Uuid, storeId: randomUUID() as Uuid };
  readonly agentId = randomUUID() as Uuid;
  readonly #seed = randomBytes(32);
  readonly key: AgentKey = {
    ...{ tenantId: this.ids.tenantId, agentId: this.agentId, keyId: 1, purpose: KEY_PURPOSE_SIGNING },
    ...{ publicKey: ed25519.publicKey(this.#seed), validFromMs: null, validToMs: null, createdAtMs: NOW_MS },
    ...{ revokedAtMs: null, revokeReason: null },
  };

  keyOf(epoch: number): KeyRecord {
    return { ref: this.key, key: this.key, epoch };
  }

  request(requestId: number) {
    const source = { ...this.ids, sourceAgentId: this.agentId, agentKeyId: 1, eventId: randomUUID() as Uuid };
    const about = { entityType: "order", entityId: "order-1", eventType: "order.confirmed", payload: { total: 1 } };
    const event = signEvent({ ...source, ...about, createdAt: new Date(NOW_MS).toISOString() }, this.#seed, ed25519);
    const body = Buffer.from(JSON.stringify({ agentId: this.agentId, events: [event] }));
    return { form: "ves", requestId, batchId: randomUUID() as Uuid, scope: SCOPE, by: null, body } as const;
  }
}

/** A worker, and how many chunks with revocations are durable. */
function startWorker() {
  const epoch = new Int32Array(new SharedArrayBuffer(4));
  const options = { limits: LIMITS, rules: RULES, keyEpoch: epoch.buffer as SharedArrayBuffer, keyCacheEntriesMax: 10 };
  const verifier = new BatchVerifier(options, { nowMs: () => NOW_MS });
  const verify = (requests: readonly ReturnType<Signer["request"]>[], keys: readonly KeyRecord[] = []) => {
    const { verified, missing } = verifier.verify({ ...packRequests(requests), keys });
    return {
      verified: unpackVerifiedRequests(verified).map(({ requestId, keyEpoch }) => ({ requestId, keyEpoch })),
      missing: missing.map(({ requestId }) => requestId),
    };
  };
  return { epoch, verify };
}

describe("keys of a verify worker", () => {
  it("are remembered within their epoch, and asked for in the next", () => {
    const { epoch, verify } = startWorker();
    const signer = new Signer();
    epoch[0] = 7;
    expect(verify([signer.request(1)])).toEqual({ verified: [], missing: [1] });
    expect(verify([signer.request(2)], [signer.keyOf(7)])).toEqual({
      verified: [{ requestId: 2, keyEpoch: 7 }],
      missing: [],
    });
    expect(verify([signer.request(3)])).toEqual({ verified: [{ requestId: 3, keyEpoch: 7 }], missing: [] });
    epoch[0] = 8;
    expect(verify([signer.request(4)])).toEqual({ verified: [], missing: [4] });
  });

  it("that were asked for are used though something was revoked meanwhile, under their own epoch and only now", () => {
    const { epoch, verify } = startWorker();
    const [late, current, unknown] = [new Signer(), new Signer(), new Signer()];
    epoch[0] = 9;
    const requests = [current.request(1), late.request(2), unknown.request(3)];
    expect(verify(requests, [current.keyOf(9), late.keyOf(7)])).toEqual({
      verified: [
        { requestId: 1, keyEpoch: 7 },
        { requestId: 2, keyEpoch: 7 },
      ],
      missing: [3],
    });
    // The one of this epoch was remembered, the other was not.
    expect(verify([current.request(4), late.request(5)])).toEqual({
      verified: [{ requestId: 4, keyEpoch: 9 }],
      missing: [5],
    });
  });
});
