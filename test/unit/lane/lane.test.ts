/** The lane as the main thread holds it, with a thread that does what the test says. */
import { EventEmitter } from "node:events";
import { expect, it } from "vitest";
import type { Uuid } from "../../../src/base/ids.js";
import { Submissions } from "../../../src/base/submissions.js";
import { Lane, type LaneThread } from "../../../src/lane/lane.js";
import type { LaneItem } from "../../../src/lane/lane-item.js";
import { encodeChunk, type LaneWorkerData, type ToLane } from "../../../src/lane/lane-message.js";
import { PageRing } from "../../../src/store/page-ring.js";

class Thread extends EventEmitter implements LaneThread {
  readonly received: ToLane[] = [];

  postMessage(message: ToLane): void {
    this.received.push(message);
  }
}

const PAGE_RING = PageRing.allocate(1000);
const HEAD = { logId: "11111111-1111-4111-8111-111111111111" as Uuid, epoch: 1, nextOffset: 0 };

async function start() {
  const thread = new Thread();
  const failures: string[] = [];
  const options = {
    worker: { pageRing: PAGE_RING } as LaneWorkerData,
    submissions: new Submissions({ requestsMax: 100, bytesMax: 1000 }),
    queueEventsMax: 5,
    onFailure: (error: Error) => void failures.push(error.message),
  };
  const started = Lane.start(options, thread);
  thread.emit("message", { kind: "ready", head: HEAD, clockBehindMs: 0 });
  return { thread, failures, ...(await started) };
}

it("a thread that ends by itself takes the process with it, one that was told to stop does not", async () => {
  const alone = await start();
  alone.thread.emit("exit", 0);
  expect(alone.failures).toEqual(["the lane's thread ended with code 0"]);

  const { lane, thread, failures } = await start();
  let isOver = false;
  const ended = lane[Symbol.asyncDispose]().then(() => {
    isOver = true;
  });
  expect(thread.received).toEqual([{ kind: "stop" }]);
  await new Promise(setImmediate);
  expect(isOver).toBe(false);
  thread.emit("exit", 0);
  await ended;
  expect(failures).toEqual([]);
});

it("its queue is free again of whatever was answered: events, commands, refusals", async () => {
  const { lane, thread } = await start();
  lane.submit("ves", new Uint8Array(1), 3);
  const command = { kind: "revoke_api_key", keyHash: "a", by: null } as const;
  const refused = lane.command(command).catch((error: { code: string }) => error.code);
  expect([lane.queuedEvents, lane.hasRoom()]).toEqual([4, true]);
  lane.submit("ves", new Uint8Array(1), 1);
  expect([lane.queuedEvents, lane.hasRoom()]).toEqual([5, false]);
  const request = (events: number) => ({ kind: "ingest", request: { events: Array(events) } });
  const items = [request(3), { ...command, requestId: 1 }, request(1)] as unknown as LaneItem[];
  const { requestId } = (thread.received[1] as { command: { requestId: number } }).command;
  const outcome = {
    ...{ entries: [], written: [], hasRevocations: false, rejectedByReason: new Map(), commitMs: 0 },
    answers: [{ requestId, ok: false, code: "RESOURCE_NOT_FOUND", message: "no such API key" } as const],
  };
  thread.emit("message", encodeChunk(items, outcome, new PageRing(PAGE_RING)).message);
  expect(await refused).toBe("RESOURCE_NOT_FOUND");
  expect([lane.queuedEvents, lane.hasRoom()]).toEqual([0, true]);
});
