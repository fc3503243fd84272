/** A log of the bench's own events, made in-process by the service's verification, lane and store. */
import { randomUUID } from "node:crypto";
import { BOOTSTRAP_SCOPE } from "../../src/auth/principal.js";
import { migrationsPath } from "../../src/base/asset-paths.js";
import type { Uuid } from "../../src/base/ids.js";
import { commitChunk } from "../../src/lane/commit-chunk.js";
import { type AgentKey, KEY_PURPOSE_SIGNING } from "../../src/store/contract.js";
import { openLaneStore } from "../../src/store/sqlite/open-lane-store.js";
import { selectEd25519 } from "../../src/verify/ed25519-native.js";
import { verifyRequest } from "../../src/verify/verify-request.js";
import { BenchAgent } from "../load/signed-requests.js";

const BATCH = 100;
const AGENTS = 4;

/** `entries` events of four agents, each in a stream of its own, into an empty folder. */
export async function makeBenchLog(folder: string, entries: number): Promise<void> {
  const ed25519 = selectEd25519();
  const seed = new Uint8Array(32).fill(7);
  const sequencer = { sequencerId: randomUUID() as Uuid, publicKey: ed25519.publicKey(seed) };
  const nowMs = Date.now();
  const { store } = openLaneStore({
    ...{ folder, migrationsFolder: migrationsPath("sqlite"), freshLogId: randomUUID() as Uuid, sequencer, nowMs },
    rejectionsKeptMax: 1,
  });
  await using _closed = store;
  const context = { sequencer, keyEpoch: 0, nowMs, sign: (hash: Uint8Array) => ed25519.sign(hash, seed) };
  const agents = Array.from({ length: AGENTS }, () => {
    const agent = new BenchAgent();
    return { agent, key: keyOf(agent, nowMs) };
  });
  const register = agents.map(
    ({ key }) => ({ kind: "register_agent_key", requestId: 0, key, voucher: null, by: null }) as const,
  );
  await commitChunk(store, register, context);
  for (let made = 0; made < entries; made += BATCH) {
    const { agent, key } = agents[(made / BATCH) % AGENTS]!;
    const body = agent.nextBody(Math.min(BATCH, entries - made));
    const outcome = verifyRequest(
      { requestId: 1, batchId: randomUUID() as Uuid, scope: BOOTSTRAP_SCOPE, body },
      {
        limits: { eventsPerBatchMax: BATCH, eventPayloadBytesMax: 1 << 20 },
        rules: { entityTypes: [], futureMsMax: 3_600_000, isSchemaRequired: false },
        ...{ ed25519, nowMs, keyEpoch: 0, findKey: () => key },
      },
    );
    if (outcome.kind !== "verified") throw new Error(`not verified: ${JSON.stringify(outcome)}`);
    await commitChunk(store, [{ kind: "ingest", request: outcome.request }], context);
  }
}

function keyOf({ tenantId, agentId, keyId, publicKey }: BenchAgent, createdAtMs: number): AgentKey {
  const unlimited = { validFromMs: null, validToMs: null, revokedAtMs: null, revokeReason: null };
  return { tenantId, agentId, purpose: KEY_PURPOSE_SIGNING, keyId, publicKey, createdAtMs, ...unlimited };
}
