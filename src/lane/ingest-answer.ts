import type { Uuid } from "../base/ids.js";
import { literal, ScratchBytes } from "../base/scratch-bytes.js";
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
  /** Receipt JSON, UTF-8; replayed ones go first. */
  readonly replayedReceipts: readonly Uint8Array[];
  readonly newReceipts: readonly Uint8Array[];
}

/** Response body of an ingest (ves-protocol §4.2): camelCase outside, snake_case inside `rejections`, empty lists left out. */
export function encodeIngestAnswer(answer: IngestAnswer): Uint8Array {
  let text =
    `{"batchId":"${answer.batchId}","eventsAccepted":${answer.eventsAccepted},` +
    `"eventsRejected":${answer.rejections.length},"sequenceStart":${answer.sequenceStart},` +
    `"sequenceEnd":${answer.sequenceEnd},"headSequence":${answer.headSequence}`;
  if (answer.rejections.length > 0) text += `,"rejections":[${answer.rejections.map(rejectionJson).join(",")}]`;
  const { replayedReceipts, newReceipts } = answer;
  scratch.begin(0);
  if (answer.rejections.length > 0) scratch.utf8(text);
  else scratch.ascii(text);
  if (replayedReceipts.length + newReceipts.length > 0) {
    let before = RECEIPTS;
    for (const receipts of [replayedReceipts, newReceipts]) {
      for (const receipt of receipts) {
        scratch.all(before).bytes(receipt);
        before = COMMA;
      }
    }
    scratch.all(END_OF_RECEIPTS);
  }
  return scratch.all(END).copy();
}

const RECEIPTS = literal(',"receipts":[');
const COMMA = literal(",");
const END_OF_RECEIPTS = literal("]");
const END = literal("}");

/** As large as the largest answer so far. */
const scratch = new ScratchBytes();

export function rejectionJson({ eventId, reason, message }: EventRejection): string {
  return JSON.stringify({ event_id: eventId, reason, message });
}
