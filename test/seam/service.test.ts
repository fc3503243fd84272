/**
 * The seam between replay and live, end to end: a real service under writes, and connections that begin behind the head, cross
 * it, get something live and leave, some of them in the middle of a frame; many come back where they were.
 */
import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { expect, it } from "vitest";
import { seededRandom } from "../support/load.js";
import { RawConnection } from "../support/raw-connection.js";
import { TEST_SEED } from "../support/seed.js";
import { startService, type TestAgent, type TestService } from "../support/service.js";
import { readLog, Subscriber } from "../support/subscriber.js";

const TRANSITIONS = Number(process.env.SEAM_SOCKET_TRANSITIONS ?? 300);
const SUBSCRIBERS = Number(process.env.SEAM_SUBSCRIBERS ?? 100);

const READERS = 24;
const BEHIND_MAX = 25;

/** What a subscriber may cost the service, RSS. Measured where there are enough of them to tell. */
const SUBSCRIBER_BYTES_MAX = 64 * 1024;
const MEASURABLE_SUBSCRIBERS = 1_000;
const WARMING_BATCHES = 40;
const WARMING_EVENTS = 10;
const WARMING_SUBSCRIBERS = 100;

const random = seededRandom(TEST_SEED);
const below = (n: number): number => Math.floor(random() * n);

/** Every entry anybody saw, by offset: the same bytes to everybody. */
class Book {
  readonly seen: Buffer[] = [];
  transitions = 0;

  get head(): number {
    return this.seen.length;
  }

  add(offset: number, frame: Buffer): void {
    const named = Number(/"offset":(\d+)/.exec(frame.subarray(0, 60).toString("latin1"))?.[1]);
    if (named !== offset) throw new Error(`entry ${named} came where ${offset} belongs`);
    const before = this.seen[offset];
    if (before !== undefined && !before.equals(frame)) throw new Error(`entry ${offset} is not what it was`);
    this.seen[offset] = before ?? frame;
  }
}

/** Writes small batches with pauses of any length until told to stop. */
async function write(agent: TestAgent, stop: AbortSignal): Promise<void> {
  while (!stop.aborted) {
    const size = 1 + below(4);
    const answer = await agent.ingest(Array.from({ length: size }, () => agent.sign()));
    if (answer.json?.eventsAccepted !== size) throw new Error(answer.text);
    await delay(below(8));
  }
}

/** Reads from `from` past `end` and one entry further; tells where it stopped. */
type Reading = (service: TestService, from: number, end: number, book: Book) => Promise<number>;

const readPolitely: Reading = async (service, from, end, book) => {
  await using subscriber = await Subscriber.open(service, `from_offset=${from}`);
  // Some read slowly at first.
  if (below(3) === 0) {
    subscriber.socket.pause();
    await delay(below(10));
    subscriber.socket.resume();
  }
  await subscriber.until(end - from + 1);
  subscriber.frames.forEach((frame, index) => {
    book.add(from + index, frame);
  });
  return from + subscriber.frames.length;
};

/** By hand, down to the bytes: whatever part of a frame has come when it leaves is forgotten. */
const readRaw: Reading = async (service, from, end, book) => {
  using connection = await RawConnection.open(service);
  const { status, text } = await connection.upgrade(`/subscribe?from_offset=${from}`);
  if (status !== 101) throw new Error(text);
  let next = from;
  for (let at = 0; next <= end; ) {
    const frame = frameAt(connection.received, at);
    if (frame === null) {
      await connection.bytes(connection.received.length + 1);
      continue;
    }
    book.add(next, frame.payload);
    next += 1;
    at = frame.end;
  }
  return next;
};

/** An unmasked, whole text frame (RFC 6455 §5.2), or null while it is incomplete. */
function frameAt(bytes: Buffer, at: number): { payload: Buffer; end: number } | null {
  if (bytes.length < at + 4) return null;
  if (bytes[at] !== 0x81) throw new Error(`not a text frame: ${bytes[at]}`);
  const short = bytes[at + 1]!;
  if (short === 127) throw new Error("a frame too large for this test");
  const start = at + (short === 126 ? 4 : 2);
  const end = start + (short === 126 ? bytes.readUInt16BE(at + 2) : short);
  return bytes.length < end ? null : { payload: Buffer.from(bytes.subarray(start, end)), end };
}

/** One client after another, each of which may come back a few times where it was. */
async function cross(service: TestService, book: Book): Promise<void> {
  while (book.transitions < TRANSITIONS) {
    let from = Math.max(0, book.head - below(BEHIND_MAX));
    for (let visits = 1 + below(4); visits > 0; visits--) {
      from = await (below(2) === 0 ? readPolitely : readRaw)(service, from, book.head, book);
      book.transitions += 1;
    }
  }
}

it(`${TRANSITIONS} transitions on real sockets lose, repeat and reorder nothing`, { timeout: 3_600_000 }, async () => {
  await using service = await startService({
    ...{ SEQ_WS_MAX_SUBSCRIBERS: "1000", TAIL_BYTES_MAX: "12000", SEQ_BROADCASTER_PAGE_SIZE: "7" },
  });
  const agents = [await service.agent(), await service.agent()];
  const book = new Book();
  const stop = new AbortController();
  const writers = agents.map((agent) => write(agent, stop.signal));
  await Promise.all([...Array.from({ length: READERS }, () => cross(service, book))]).finally(() => stop.abort());
  await Promise.all(writers);
  checkLog(await readLog(service), book);
  console.log(`seam on sockets (seed ${TEST_SEED}): ${book.transitions} transitions over ${book.head} entries`);
});

it(`${SUBSCRIBERS} subscribers at once, joining and leaving`, { timeout: 3_600_000 }, async () => {
  await using service = await startService({
    SEQ_WS_MAX_SUBSCRIBERS: String(2 * SUBSCRIBERS),
    TAIL_BYTES_MAX: "12000",
  });
  const agent = await service.agent();
  const book = new Book();
  const ingest = (events: number) => agent.ingest(Array.from({ length: events }, () => agent.sign()));
  // What threads and buffers take once belongs to nobody.
  let head = WARMING_BATCHES * WARMING_EVENTS;
  await Promise.all(Array.from({ length: WARMING_BATCHES }, () => ingest(WARMING_EVENTS)));
  const warm = await joinMany(service, WARMING_SUBSCRIBERS, () => below(head));
  await ingest(10);
  head += 10;
  for (const member of warm) await member.leave(book, head);
  const emptyBytes = rssOf(service);

  let members = await joinMany(service, SUBSCRIBERS, () => head - below(50));
  await ingest(10);
  head += 10;
  for (const member of members) await member.has(head);
  const bytes = (rssOf(service) - emptyBytes) / SUBSCRIBERS;
  console.log(`${SUBSCRIBERS} subscribers: ${Math.round(bytes)} bytes each`);
  if (SUBSCRIBERS >= MEASURABLE_SUBSCRIBERS) expect(bytes).toBeLessThan(SUBSCRIBER_BYTES_MAX);

  for (let round = 0; round < 5; round++) {
    const writing = ingest(7);
    const leaving = members.splice(0, members.length / 2);
    await Promise.all(leaving.map((member) => member.leave(book, head)));
    members = [...members, ...(await joinMany(service, leaving.length, () => below(head + 1)))];
    await writing;
    head += 7;
  }
  for (const member of members) await member.leave(book, head);
  checkLog(await readLog(service), book);
});

interface Member {
  /** Resolves when it has every entry below `head`. */
  has(head: number): Promise<void>;
  /** Checks what came, all below `head` included, and goes. */
  leave(book: Book, head: number): Promise<void>;
}

async function join(service: TestService, from: number): Promise<Member> {
  const subscriber = await Subscriber.open(service, `from_offset=${from}`);
  const has = (head: number): Promise<void> => subscriber.until(head - from);
  const leave = async (book: Book, head: number): Promise<void> => {
    await has(head);
    subscriber.frames.forEach((frame, index) => {
      book.add(from + index, frame);
    });
    await subscriber[Symbol.asyncDispose]();
  };
  return { has, leave };
}

/** In groups: the kernel's queue of new connections is short. */
async function joinMany(service: TestService, count: number, from: () => number): Promise<Member[]> {
  const members: Member[] = [];
  while (members.length < count) {
    const group = Math.min(50, count - members.length);
    members.push(...(await Promise.all(Array.from({ length: group }, () => join(service, from())))));
  }
  return members;
}

function checkLog(log: readonly Buffer[], { seen }: Book): void {
  const different = seen.findIndex((frame, offset) => frame !== undefined && !log[offset]?.equals(frame));
  expect(different).toBe(-1);
  expect(seen.length).toBeLessThanOrEqual(log.length);
}

function rssOf(service: TestService): number {
  const status = readFileSync(`/proc/${service.process.pid}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)![1]) * 1024;
}
