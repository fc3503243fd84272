/**
 * The seam between replay and live, in process: the real broadcaster, subscriptions, tail and store reader, and sockets whose
 * peers read at any speed. A transition is a subscriber that fell behind the head or began behind it, and reached it.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { Uuid } from "../../src/base/ids.js";
import { Broadcaster } from "../../src/broadcast/broadcaster.js";
import { EntrySource, entryQuery } from "../../src/broadcast/entry-source.js";
import { KeptPages } from "../../src/broadcast/kept-pages.js";
import { Tail } from "../../src/broadcast/tail.js";
import type { EntryFrame, LogEntry, LogReader } from "../../src/store/contract.js";
import { PackedPage, packPageIn } from "../../src/store/packed-page.js";
import { PageRing } from "../../src/store/page-ring.js";
import { openReader } from "../../src/store/sqlite/connection.js";
import { SqliteLogReader } from "../../src/store/sqlite/log-reader.js";
import type { Socket, SocketHandler } from "../../src/transport/http.js";
import { Random } from "../support/fuzz/random.js";
import { makeLog } from "../support/log-maker.js";
import { TEST_SEED } from "../support/seed.js";

const TRANSITIONS = Number(process.env.SEAM_TRANSITIONS ?? 10_000);
const LOG_ENTRIES = 1_000;
const SUBSCRIBERS = 64;
const PAGE_BYTES_MAX = 6_000;

/** Where joiners begin, in entries behind the head. */
const BEHIND = [...Array.from({ length: 30 }, (_, entries) => entries), LOG_ENTRIES];

/** How often a peer empties its socket, per chunk written: slower than the writer to as fast. */
const TURNS = [0.05, 0.2, 0.4, 0.9];

/** What a socket takes before it refuses: two entries or three, so that it also stops in the middle of a page. */
const BACKLOG_BYTES_MAX = 2_500;

it(`${TRANSITIONS} transitions: nothing missed, repeated or reordered (seed ${TEST_SEED})`, {
  timeout: 3_600_000,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), "sequencer-seam-"));
  try {
    await makeLog(folder, LOG_ENTRIES);
    const random = new Random(TEST_SEED);
    const totals = { transitions: 0, entries: 0, joined: 0 };
    while (totals.transitions < TRANSITIONS) await passOver(folder, random, totals);
    console.log(`seam in process (seed ${TEST_SEED}): ${JSON.stringify(totals)}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

interface Totals {
  transitions: number;
  entries: number;
  joined: number;
}

/** Writes the whole log into a tail, chunk by chunk, while subscribers come and go. */
async function passOver(folder: string, random: Random, totals: Totals): Promise<void> {
  const db = openReader(folder);
  const store = new SqliteLogReader(db, PAGE_BYTES_MAX);
  const whole = new SqliteLogReader(db, Number.MAX_SAFE_INTEGER).page(0, {}, LOG_ENTRIES).entries.map(logEntry);
  const reader = {
    page: async (...args: Parameters<LogReader["page"]>) => store.page(...args),
  } as unknown as LogReader;
  const head = { logId: "11111111-1111-4111-8111-111111111111" as Uuid, epoch: 1, nextOffset: 0 };
  const bytesMax = random.pick([0, 5_000, 50_000]);
  const tail = new Tail(0, { bytesMax, pageBytesMax: PAGE_BYTES_MAX });
  // What the tail drops is overwritten soon, and not every page has room.
  const memory = PageRing.allocate(bytesMax, random.pick([1, 1_500, 6_000]));
  const [lane, main] = [new PageRing(memory), new PageRing(memory)];
  const source = new EntrySource(head, tail, reader, new KeptPages(random.pick([0, 20_000, 1_000_000])));
  const broadcaster = new Broadcaster(SUBSCRIBERS, () => Promise.resolve());
  const peers = new Set<Peer>();
  while (tail.nextOffset < LOG_ENTRIES || [...peers].some(({ next }) => next < LOG_ENTRIES)) {
    if (tail.nextOffset < LOG_ENTRIES && random.chance(0.7)) {
      const from = tail.nextOffset;
      const entries = whole.slice(from, from + random.pick([1, 1, 1, 4]));
      tail.append(PackedPage.from(main, packPageIn(lane, { entries, nextOffset: from + entries.length })));
      broadcaster.wake();
    }
    while (broadcaster.subscribers < SUBSCRIBERS && tail.nextOffset < LOG_ENTRIES) {
      const from = Math.max(0, tail.nextOffset - random.pick(BEHIND));
      const query = entryQuery({}, random.pick([1, 3, 100]));
      const isBatched = random.chance(0.3);
      const peer = new Peer({ from, isBatched, whole, random, source, totals, peers });
      const onError = (error: unknown): void => expect.fail(String(error));
      const options = { source, query, fromOffset: from, isBatched, protocol: null, onError, onFrames: () => {} };
      peer.open(broadcaster.add(options, { credential: null, expiresAtMs: null, tenantId: null }));
    }
    for (const peer of peers) peer.act(tail.nextOffset === LOG_ENTRIES);
    await new Promise((resolve) => setImmediate(resolve));
  }
  db.close();
}

/** The entry whose frame this is. */
function logEntry({ offset, frame }: EntryFrame): LogEntry {
  const { kind, tenant_id, store_id, sequence_number, event } = JSON.parse(Buffer.from(frame).toString());
  const stream = { kind, tenantId: tenant_id, storeId: store_id, sequenceNumber: sequence_number };
  return { ...stream, offset, entityType: event.entity_type, entityId: event.entity_id, frame };
}

interface PeerOptions {
  readonly from: number;
  readonly isBatched: boolean;
  readonly whole: readonly { readonly offset: number; readonly frame: Uint8Array }[];
  readonly random: Random;
  readonly source: EntrySource;
  readonly totals: Totals;
  readonly peers: Set<Peer>;
}

/** A socket and who reads it: what comes must be the very next entry of the log. */
class Peer implements Socket {
  next: number;
  readonly #options: PeerOptions;
  readonly #turns: number;
  #handler: SocketHandler | null = null;
  #buffered = 0;
  #isBehind: boolean;

  constructor(options: PeerOptions) {
    this.#options = options;
    this.next = options.from;
    this.#isBehind = options.from < options.source.nextOffset;
    this.#turns = options.random.pick(TURNS);
    options.totals.joined += 1;
    options.peers.add(this);
  }

  open(handler: SocketHandler): void {
    this.#handler = handler;
    handler.opened(this);
  }

  /** Reads, or leaves. At the end everybody stays and reads. */
  act(isEnd: boolean): void {
    const { random, source, peers } = this.#options;
    this.#isBehind ||= this.next < source.nextOffset;
    if (!isEnd && random.chance(0.005)) {
      peers.delete(this);
      this.#handler!.closed(1006, "");
    } else if (this.#buffered > 0 && (isEnd || random.chance(this.#turns))) {
      this.#buffered = 0;
      this.#handler!.drained();
    }
  }

  send(frame: Uint8Array): boolean {
    if (this.#buffered > BACKLOG_BYTES_MAX) return false;
    if (!this.#options.isBatched) this.#take(frame);
    else for (let at = 1; at < frame.length; ) at += this.#take(frame.subarray(at)) + 1;
    this.#buffered += frame.length;
    return true;
  }

  corked(work: () => void): void {
    work();
  }

  bufferedBytes(): number {
    return this.#buffered;
  }

  end(code: number, reason: string): void {
    expect.fail(`ended with ${code} ${reason}`);
  }

  terminate(): void {
    expect.fail("terminated");
  }

  /** What begins here must be the very next entry; its bytes. */
  #take(bytes: Uint8Array): number {
    const { whole, source, totals } = this.#options;
    const { frame } = whole[this.next]!;
    if (Buffer.compare(frame, bytes.subarray(0, frame.length)) !== 0) expect.fail(`not entry ${this.next}: ${bytes}`);
    this.next += 1;
    totals.entries += 1;
    if (this.#isBehind && this.next === source.nextOffset) {
      totals.transitions += 1;
      this.#isBehind = false;
    }
    return frame.length;
  }
}
