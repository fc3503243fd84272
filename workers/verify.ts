/** Verify worker: a packed batch of requests in, a packed batch of verified requests out, nothing shared but the epoch. */
import { LRUCache } from "lru-cache";
import { move, transferableSymbol, valueSymbol, workerData } from "piscina";
import { systemClock } from "../src/base/clock.js";
import { PackWriter } from "../src/base/pack.js";
import { agentKeyKey } from "../src/store/chunk-key.js";
import type { AgentKey, AgentKeyRef } from "../src/store/contract.js";
import { selectEd25519 } from "../src/verify/ed25519-native.js";
import type { KeyRecord } from "../src/verify/key-directory.js";
import { packVerifiedRequest } from "../src/verify/verified-request.js";
import { type VerifyContext, verifyRequest } from "../src/verify/verify-request.js";
import {
  type RefusedRequest,
  unpackRequests,
  type VerifyResult,
  type VerifyTask,
  type VerifyWorkerData,
} from "../src/verify/verify-task.js";

const { limits, rules, keyEpoch, keyCacheEntriesMax } = workerData as VerifyWorkerData;
const epoch = new Int32Array(keyEpoch);
const ed25519 = selectEd25519();
const knownKeys = new LRUCache<string, KeyRecord & { readonly key: AgentKey }>({ max: keyCacheEntriesMax });

export default function verify(task: VerifyTask): unknown {
  const startedMs = performance.now();
  const context = contextOf(task.keys);
  const writer = new PackWriter(task.packed.length * 2);
  const refused: RefusedRequest[] = [];
  const missing: { requestId: number; refs: readonly AgentKeyRef[] }[] = [];
  let verifiedEvents = 0;
  for (const request of unpackRequests(task)) {
    const { requestId } = request;
    const outcome = verifyRequest(request, context);
    if (outcome.kind === "keys_missing") missing.push({ requestId, refs: outcome.refs });
    else if (outcome.kind === "refused") {
      const { code, message, extras } = outcome.error;
      refused.push({ requestId, code, message, pointer: extras.pointer ?? null });
    } else {
      packVerifiedRequest(writer, outcome.request);
      verifiedEvents += outcome.request.events.length;
    }
  }
  const verified = writer.take();
  const workMs = performance.now() - startedMs;
  const result: VerifyResult = { verified, verifiedEvents, refused, missing, workMs };
  return move({ [transferableSymbol]: [verified.buffer], [valueSymbol]: result } as never);
}

/** Keys of another epoch than the one read here are as good as unknown. */
function contextOf(given: readonly KeyRecord[]): VerifyContext {
  const now = Atomics.load(epoch, 0);
  // Kept beside the cache, which may hold fewer keys than one request needs and never holds absent ones.
  const answered = new Map<string, AgentKey | null>();
  for (const { ref, key, epoch: readIn } of given) {
    if (readIn !== now) continue;
    const name = agentKeyKey(ref);
    answered.set(name, key);
    if (key !== null) knownKeys.set(name, { ref, key, epoch: readIn });
  }
  return {
    limits,
    rules,
    ed25519,
    nowMs: systemClock.nowMs(),
    keyEpoch: now,
    findKey: (ref) => {
      const name = agentKeyKey(ref);
      const answer = answered.get(name);
      if (answer !== undefined) return answer;
      const known = knownKeys.get(name);
      return known?.epoch === now ? known.key : undefined;
    },
  };
}
