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
  /** Receipt JSON, UTF-8: replayed ones first. */
  readonly receipts: readonly Uint8Array[];
}

/** Response body of an ingest (ves-protocol §4.2): camelCase outside, snake_case inside `rejections`, empty lists left out. */
export function encodeIngestAnswer(answer: IngestAnswer): Uint8Array {
  let text =
    `{"batchId":"${answer.batchId}","eventsAccepted":${answer.eventsAccepted},` +
    `"eventsRejected":${answer.rejections.length},"sequenceStart":${answer.sequenceStart},` +
    `"sequenceEnd":${answer.sequenceEnd},"headSequence":${answer.headSequence}`;
  if (answer.rejections.length > 0) text += `,"rejections":[${answer.rejections.map(rejectionJson).join(",")}]`;
  const { receipts } = answer;
  if (receipts.length === 0) return Buffer.from(`${text}}`, "utf8");
  const head = Buffer.from(`${text},"receipts":[`, "utf8");
  const parts: Uint8Array[] = [head];
  for (const receipt of receipts) parts.push(receipt, COMMA);
  parts[parts.length - 1] = END;
  return Buffer.concat(parts);
}

const COMMA = Buffer.from(",");
const END = Buffer.from("]}");

export function rejectionJson({ eventId, reason, message }: EventRejection): string {
  return JSON.stringify({ event_id: eventId, reason, message });
}
