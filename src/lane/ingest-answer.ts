import type { Uuid } from "../base/ids.js";
import type { Rejection } from "../verify/verified-request.js";

export interface EventRejection extends Rejection {
  readonly eventId: Uuid;
}

export interface IngestAnswer {
  readonly batchId: Uuid;
  /** Newly stored events only: replays count neither as accepted nor as rejected. */
  readonly eventsAccepted: number;
  readonly sequenceStart: number | null;
  readonly sequenceEnd: number | null;
  readonly headSequence: number;
  readonly rejections: readonly EventRejection[];
  /** Receipt JSON texts: replayed ones first. */
  readonly receipts: readonly string[];
}

/** Response body of an ingest (ves-protocol §4.2): camelCase outside, snake_case inside `rejections`, empty lists left out. */
export function encodeIngestAnswer(answer: IngestAnswer): Uint8Array {
  let text =
    `{"batchId":"${answer.batchId}","eventsAccepted":${answer.eventsAccepted},` +
    `"eventsRejected":${answer.rejections.length},"sequenceStart":${answer.sequenceStart},` +
    `"sequenceEnd":${answer.sequenceEnd},"headSequence":${answer.headSequence}`;
  if (answer.rejections.length > 0) text += `,"rejections":[${answer.rejections.map(rejectionJson).join(",")}]`;
  if (answer.receipts.length > 0) text += `,"receipts":[${answer.receipts.join(",")}]`;
  return Buffer.from(`${text}}`, "utf8");
}

export function rejectionJson({ eventId, reason, message }: EventRejection): string {
  return JSON.stringify({ event_id: eventId, reason, message });
}
