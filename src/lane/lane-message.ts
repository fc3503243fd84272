import type { Uuid } from "../base/ids.js";
import { PackReader, PackWriter } from "../base/pack.js";
import { packPageIn } from "../store/packed-page.js";
import type { PagePlace, PageRing } from "../store/page-ring.js";
import type { UpgradeStep } from "../store/sqlite/migrate.js";
import type { FoundLog } from "../store/sqlite/open-lane-store.js";
import type { TakeOver } from "../store/sqlite/take-over.js";
import type { IngestForm } from "../verify/verify-request.js";
import type { ChunkOutcome } from "./commit-chunk.js";
import { eventsOf } from "./cut-chunk.js";
import type { LaneAnswer, LaneCommand, LaneItem } from "./lane-item.js";

/** What crosses between the lane's thread and the main thread. */

export interface LaneWorkerData {
  readonly folder: string;
  readonly migrationsFolder: string;
  /** Id of the log, should this be its first start. */
  readonly freshLogId: Uuid;
  readonly sequencerId: Uuid;
  /** Ed25519 seed that signs receipts, 32 bytes. Never leaves the process. */
  readonly signingSeed: Uint8Array;
  readonly chunkEventsMax: number;
  readonly rejectionsKeptMax: number;
  readonly takeOver?: TakeOver;
  /** See `MigrateOptions.sliceEntries`. */
  readonly upgradeSliceEntries?: number;
  /** Shared Int32, the revocation epoch: how many chunks with revocations are durable. */
  readonly keyEpoch: SharedArrayBuffer;
  /** Memory of the `LeafRing` to the tlog thread, null when there is none. */
  readonly leafRing: SharedArrayBuffer | null;
  /** Memory of the `PageRing` to the main thread. */
  readonly pageRing: SharedArrayBuffer;
  /** Lets the checkpointer in between two chunks; without one there is no checkpointer. */
  readonly writerPause?: SharedArrayBuffer;
}

export type ToLane =
  | { readonly kind: "ingest"; readonly form: IngestForm; readonly packed: Uint8Array }
  | { readonly kind: "command"; readonly command: LaneCommand }
  | { readonly kind: "stop" };

export type FromLane =
  /** Before it is ready, of a log of an older version. */
  | { readonly kind: "upgrade"; readonly step: UpgradeStep }
  | { readonly kind: "ready"; readonly found: FoundLog }
  | ChunkMessage;

/** A durable chunk. */
export interface ChunkMessage {
  readonly kind: "chunk";
  /** `packPageIn` of the new entries, null when there are none. */
  readonly page: Uint8Array | PagePlace | null;
  /** `packIngestAnswers` of the ingest requests that were answered with a body. */
  readonly ingestAnswers: Uint8Array;
  /** Every other answer: commands and refusals. */
  readonly otherAnswers: readonly LaneAnswer[];
  readonly events: number;
  readonly entries: number;
  readonly rejectedByReason: ReadonlyMap<string, number>;
  readonly commitMs: number;
}

export interface IngestReply {
  readonly requestId: number;
  readonly body: Uint8Array;
}

/** The chunk as one message and the buffers that move with it. Its new entries go into the ring, if there is room for them. */
export function encodeChunk(
  items: readonly LaneItem[],
  outcome: ChunkOutcome,
  pages: PageRing,
): { message: ChunkMessage; transfer: ArrayBuffer[] } {
  const { entries, answers, rejectedByReason, commitMs } = outcome;
  const replies: IngestReply[] = [];
  const otherAnswers: LaneAnswer[] = [];
  for (const answer of answers) {
    if (answer.ok && answer.body instanceof Uint8Array)
      replies.push({ requestId: answer.requestId, body: answer.body });
    else otherAnswers.push(answer);
  }
  const last = entries.at(-1);
  const page = last === undefined ? null : packPageIn(pages, { entries, nextOffset: last.offset + 1 });
  const ingestAnswers = packIngestAnswers(replies);
  let events = 0;
  for (const item of items) events += eventsOf(item);
  return {
    message: {
      kind: "chunk",
      page,
      ingestAnswers,
      otherAnswers,
      events,
      entries: entries.length,
      rejectedByReason,
      commitMs,
    },
    transfer: page instanceof Uint8Array ? [ingestAnswers.buffer, page.buffer] : [ingestAnswers.buffer],
  };
}

function packIngestAnswers(answers: readonly IngestReply[]): Uint8Array<ArrayBuffer> {
  let bytes = 0;
  for (const { body } of answers) bytes += 8 + body.length;
  const writer = new PackWriter(bytes);
  for (const { requestId, body } of answers) writer.u32(requestId).bytes(body);
  return writer.take();
}

export function unpackIngestAnswers(packed: Uint8Array): IngestReply[] {
  const reader = new PackReader(packed);
  const answers: IngestReply[] = [];
  while (!reader.done) answers.push({ requestId: reader.u32(), body: reader.bytes() });
  return answers;
}
