/**
 * What a verify worker does: a packed batch of requests in, a packed batch of verified requests out. Their signatures are
 * checked together, after all were judged. It shares nothing with other workers but the revocation epoch.
 */
import type { LRUCache } from "lru-cache";
import { boundedCache } from "../base/bounded-cache.js";
import type { Clock } from "../base/clock.js";
import { PackWriter } from "../base/pack.js";
import { agentKeyKey } from "../store/chunk-key.js";
import type { AgentKey, AgentKeyRef } from "../store/contract.js";
import { checkSignatures, type JudgedRequest } from "./check-signatures.js";
import { tableEd25519 } from "./ed25519-tables.js";
import type { KeyRecord } from "./key-directory.js";
import { checkLegacyRequest, packLegacyRequest } from "./legacy-request.js";
import { packVerifiedRequest } from "./verified-request.js";
import { type JudgeContext, judgeRequest } from "./verify-request.js";
import {
  type RefusedRequest,
  unpackRequests,
  type VerifyResult,
  type VerifyTask,
  type VerifyWorkerData,
} from "./verify-task.js";

export class BatchVerifier {
  readonly #worker: VerifyWorkerData;
  readonly #clock: Clock;
  readonly #epoch: Int32Array;
  readonly #ed25519 = tableEd25519();
  readonly #knownKeys: LRUCache<string, KeyRecord & { readonly key: AgentKey }>;

  constructor(worker: VerifyWorkerData, clock: Clock) {
    this.#worker = worker;
    this.#clock = clock;
    this.#epoch = new Int32Array(worker.keyEpoch);
    this.#knownKeys = boundedCache({ entriesMax: worker.keyCacheEntriesMax });
  }

  verify(task: VerifyTask): VerifyResult {
    const startedMs = performance.now();
    const context = this.#contextOf(task.keys);
    const writer = new PackWriter(task.packed.length * 2);
    const refused: RefusedRequest[] = [];
    const missing: { requestId: number; refs: readonly AgentKeyRef[] }[] = [];
    const judged: JudgedRequest[] = [];
    let legacy: PackWriter | null = null;
    let legacyEvents = 0;
    for (const request of unpackRequests(task)) {
      const { requestId } = request;
      const outcome = request.form === "legacy" ? checkLegacyRequest(request, context) : judgeRequest(request, context);
      if (outcome.kind === "admitted") {
        legacy ??= new PackWriter(task.packed.length * 2);
        packLegacyRequest(legacy, outcome.request);
        legacyEvents += outcome.request.events.length;
      } else if (outcome.kind === "keys_missing") missing.push({ requestId, refs: outcome.refs });
      else if (outcome.kind === "refused") {
        const { code, message, extras } = outcome.error;
        refused.push({ requestId, code, message, pointer: extras.pointer ?? null });
      } else judged.push(outcome.request);
    }
    let verifiedEvents = 0;
    for (const request of checkSignatures(judged, this.#ed25519)) {
      packVerifiedRequest(writer, request);
      verifiedEvents += request.events.length;
    }
    const workMs = performance.now() - startedMs;
    const verified = writer.take();
    return { verified, verifiedEvents, legacy: legacy?.take() ?? null, legacyEvents, refused, missing, workMs };
  }

  /**
   * Keys of another epoch than the one read here are as good as unknown, but for those a request was sent back for: whoever
   * has keys revoked without end would keep everybody else's requests from ever being judged. What is judged with them bears
   * their epoch, and the lane looks again.
   */
  #contextOf(given: readonly KeyRecord[]): JudgeContext {
    const now = Atomics.load(this.#epoch, 0);
    let keyEpoch = now;
    // Kept beside the cache, which may hold fewer keys than one request needs and never holds absent ones.
    const answered = new Map<string, AgentKey | null>();
    for (const { ref, key, epoch } of given) {
      const name = agentKeyKey(ref);
      answered.set(name, key);
      if (epoch !== now) keyEpoch = epoch;
      else if (key !== null) this.#knownKeys.set(name, { ref, key, epoch });
    }
    const { limits, rules } = this.#worker;
    return {
      limits,
      rules,
      nowMs: this.#clock.nowMs(),
      keyEpoch,
      findKey: (ref) => {
        const name = agentKeyKey(ref);
        const answer = answered.get(name);
        if (answer !== undefined) return answer;
        const known = this.#knownKeys.get(name);
        return known?.epoch === now ? known.key : undefined;
      },
    };
  }
}
