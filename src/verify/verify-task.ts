import type { ErrorCode } from "../base/errors.js";
import type { Uuid } from "../base/ids.js";
import { PackReader, PackWriter } from "../base/pack.js";
import type { AgentKeyRef } from "../store/contract.js";
import type { EventRules } from "./check-event.js";
import type { IngestLimits } from "./ingest-body.js";
import type { KeyRecord } from "./key-directory.js";
import type { Scope } from "./scope.js";
import type { IngestRequest } from "./verify-request.js";

/** What crosses between the main thread and a verify worker: many requests per task, bodies in one moved buffer. */

export interface VerifyWorkerData {
  readonly limits: IngestLimits;
  readonly rules: EventRules;
  /** See `LaneWorkerData.keyEpoch`. */
  readonly keyEpoch: SharedArrayBuffer;
  readonly keyCacheEntriesMax: number;
}

export interface VerifyTask {
  /** `packRequests` output. */
  readonly packed: Uint8Array;
  /** Credentials of the requests, each once. */
  readonly scopes: readonly Scope[];
  /** Answers to an earlier `missing`. */
  readonly keys: readonly KeyRecord[];
}

export interface VerifyResult {
  /** `packVerifiedRequest` of every verified request: goes to the lane as it is. */
  readonly verified: Uint8Array<ArrayBuffer>;
  readonly verifiedEvents: number;
  /** `packLegacyRequest` of every admitted legacy request; null when there is none. */
  readonly legacy: Uint8Array<ArrayBuffer> | null;
  readonly legacyEvents: number;
  readonly refused: readonly RefusedRequest[];
  readonly missing: readonly { readonly requestId: number; readonly refs: readonly AgentKeyRef[] }[];
  readonly workMs: number;
}

/** A CodedError in a form that survives the thread boundary. */
export interface RefusedRequest {
  readonly requestId: number;
  readonly code: ErrorCode;
  readonly message: string;
  readonly pointer: string | null;
}

export function packRequests(requests: readonly IngestRequest[]): { packed: Uint8Array<ArrayBuffer>; scopes: Scope[] } {
  const scopes: Scope[] = [];
  let bytes = 0;
  for (const request of requests) bytes += request.body.length + 64;
  const writer = new PackWriter(bytes);
  for (const { form, requestId, batchId, scope, by, body } of requests) {
    let index = scopes.indexOf(scope);
    if (index < 0) index = scopes.push(scope) - 1;
    writer
      .u8(Number(form === "legacy"))
      .u32(requestId)
      .text(batchId)
      .u32(index)
      .bytes(body);
    if (form === "legacy") writer.text(by ?? "");
  }
  return { packed: writer.take(), scopes };
}

export function unpackRequests(task: VerifyTask): IngestRequest[] {
  const reader = new PackReader(task.packed);
  const requests: IngestRequest[] = [];
  while (!reader.done) {
    const form = reader.u8() === 1 ? "legacy" : "ves";
    requests.push({
      form,
      requestId: reader.u32(),
      batchId: reader.text() as Uuid,
      scope: task.scopes[reader.u32()]!,
      body: reader.bytes(),
      by: form === "legacy" ? reader.text() || null : null,
    });
  }
  return requests;
}
