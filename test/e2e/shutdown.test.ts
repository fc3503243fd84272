import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { lockFolder } from "../../src/store/sqlite/folder-lock.js";
import { holdLane } from "../support/held-lane.js";
import { agentsOnFourStreams, type Batch, Ledger, signBatch, signBatches } from "../support/load.js";
import { checkAcknowledged, checkOrder } from "../support/log-check.js";
import { RawConnection } from "../support/raw-connection.js";
import { type Answer, startService, type TestService } from "../support/service.js";
import { beginShutdown, beginUpload } from "../support/shutdown.js";
import { readLog, Subscriber } from "../support/subscriber.js";

const CLIENTS = 8;

describe("SIGTERM", () => {
  // A terminal sends Ctrl-C, and its own end, to npm and the service alike.
  it.each([
    ["SIGTERM", "npm"],
    ["SIGINT", "all"],
    ["SIGHUP", "all"],
  ] as const)("%s to `npm start` (%s) is the service's: nothing keeps the port and the folder", async (signal, to) => {
    const folder = mkdtempSync(join(tmpdir(), "sequencer-test-"));
    // Without its build: other tests run what is built.
    const npm = spawn("npm", ["start", "--ignore-scripts"], {
      env: { ...process.env, HOST: "127.0.0.1", PORT: "0", DATA_DIR: folder, LOG_FORMAT: "json" },
      stdio: ["ignore", "ignore", "pipe"],
      detached: true,
    });
    let output = "";
    let isTold = false;
    for await (const chunk of npm.stderr) {
      output += chunk;
      if (isTold || !output.includes('"listening"')) continue;
      isTold = true;
      process.kill(to === "all" ? -npm.pid! : npm.pid!, signal);
    }
    expect(output).toContain('"stopped"');
    lockFolder(folder)[Symbol.dispose]();
    rmSync(folder, { recursive: true });
  });

  it("under load: what was answered is durable, and what is durable was answered", async () => {
    await using service = await startService();
    const agents = await agentsOnFourStreams(service, CLIENTS);
    const work = agents.map((agent) => signBatches(agent, 2000, () => 20));
    const ledger = new Ledger();
    let answers = 0;
    const onAnswer = (): void => {
      answers += 1;
      if (answers === 60) service.process.signal("SIGTERM");
    };
    const ends = await Promise.all(work.map((batches) => sendUntilRefused(service, batches, ledger, onAnswer)));
    expect(await service.process.exited).toBe(0);
    // Whoever came in the moment the door closed may find it closed; what must not be is work done and not answered.
    expect(ends.filter((end) => end === "refused" || end === "cut off").length).toBe(CLIENTS);

    await service.startAgain();
    const stored = await readLog(service);
    checkOrder(stored);
    checkAcknowledged(stored, ledger.receipts);
    // Clean means: nothing was stored that nobody heard of.
    expect(stored.length).toBe(ledger.receipts.size);
  });

  it("answers a request that is being worked on, however it arrived", { repeats: 4 }, async () => {
    await using service = await startService();
    const agent = await service.agent();
    const batch = signBatch(agent, 200);
    using connection = await RawConnection.open(service);
    await connection.get("/health");
    const held = holdLane(service);
    const answered = connection.post("/api/v1/ves/events/ingest", batch.body);
    await metric(service, "sequencer_queue_requests", 1);
    await beginShutdown(service);
    held[Symbol.dispose]();
    const answer = await answered;
    expect(answer.status).toBe(200);
    expect(answer.json.eventsAccepted).toBe(200);
    expect(await service.process.exited).toBe(0);
  });

  it("sends the whole of a long answer that is being read", async () => {
    await using service = await startService({ PAGE_BYTES_MAX: "8000000" });
    const agent = await service.agent();
    const text = "x".repeat(900_000);
    for (let i = 0; i < 8; i++) await agent.ingest([agent.sign({ payload: { text } })]);
    using slow = await RawConnection.open(service);
    slow.socket.pause();
    slow.writeHead("GET", "/api/v1/log");
    await metric(service, 'sequencer_http_requests_total{method="GET",path="/api/v1/log",status="200"}', 0);
    service.process.signal("SIGTERM");
    slow.socket.resume();
    const answer = await slow.answer();
    expect(answer.json.count).toBe(8);
    expect(await service.process.exited).toBe(0);
  });

  it("closes subscriptions with 1001 after the last entry was delivered", async () => {
    await using service = await startService();
    const agent = await service.agent();
    const subscribers = await Promise.all(Array.from({ length: 5 }, () => Subscriber.open(service)));
    const held = holdLane(service);
    const answered = agent.ingest(Array.from({ length: 300 }, () => agent.sign()));
    await metric(service, "sequencer_queue_requests", 1);
    await beginShutdown(service);
    held[Symbol.dispose]();
    expect((await answered).json.eventsAccepted).toBe(300);
    for (const subscriber of subscribers) {
      expect(await subscriber.closed).toEqual({ code: 1001, reason: "SHUTTING_DOWN" });
    }
    expect(await service.process.exited).toBe(0);
  });

  it.each(["", "batch=1"])("a subscriber with a backlog gets all it was sent, then 1001 (%s)", async (form) => {
    await using service = await startService();
    const agent = await service.agent();
    const text = "x".repeat(900_000);
    for (let i = 0; i < 12; i++) await agent.ingest([agent.sign({ payload: { text } })]);
    await using subscriber = await Subscriber.open(service, `${form}&from_offset=0`);
    subscriber.socket.pause();
    await using stalled = await Subscriber.open(service, `${form}&from_offset=0`);
    stalled.socket.pause();
    // More than the kernel takes has been handed to the sockets.
    await metric(service, "sequencer_subscription_entries_total", 6);
    using upload = await beginUpload(service);
    await beginShutdown(service);
    upload[Symbol.dispose]();
    subscriber.socket.resume();
    expect(await subscriber.closed).toEqual({ code: 1001, reason: "SHUTTING_DOWN" });
    const entries = subscriber.frames.flatMap((frame) => JSON.parse(frame.toString()) as { offset: number }[]);
    expect(entries.map(({ offset }) => offset)).toEqual(entries.map((_, index) => index));
    // Whoever never reads is not waited for.
    expect(await service.process.exited).toBe(0);
  });

  it("refuses new work with SHUTTING_DOWN and is not ready until it is gone", async () => {
    await using service = await startService();
    const agent = await service.agent();
    const connections = await Promise.all(Array.from({ length: 4 }, () => RawConnection.open(service)));
    for (const connection of connections) await connection.get("/health");
    const [ingest, keys, ready, upgrade] = connections as [RawConnection, RawConnection, RawConnection, RawConnection];
    using upload = await beginUpload(service);
    await beginShutdown(service);
    const answers = [
      await ingest.post("/api/v1/ves/events/ingest", signBatch(agent, 1).body),
      await keys.post("/api/v1/agents/keys", JSON.stringify(agent.registration())),
      await ready.get("/ready"),
      await upgrade.upgrade("/subscribe"),
    ];
    for (const answer of answers) {
      expect({ status: answer.status, code: answer.json.code }).toEqual({ status: 503, code: "SHUTTING_DOWN" });
      expect(answer.headers.get("retry-after")).not.toBeNull();
    }
    // Nobody else gets in.
    await expect(RawConnection.open(service)).rejects.toThrow("ECONNREFUSED");
    upload[Symbol.dispose]();
    expect(await service.process.exited).toBe(0);
    await service.startAgain();
    expect(await readLog(service)).toEqual([]);
  });

  it("is a clean end from the first moment on", { repeats: 2 }, async () => {
    await using service = await startService();
    expect(await service.process.stop()).toBe(0);
  });

  it("in the middle of automatic commitments is no failure of theirs", { repeats: 3 }, async () => {
    await using service = await startService({ VES_COMMIT_EVENTS_THRESHOLD: "1", VES_COMMIT_INTERVAL_MS: "3600000" });
    const agents = await Promise.all(Array.from({ length: 40 }, () => service.agent()));
    for (const agent of agents) await agent.ingest(Array.from({ length: 20 }, () => agent.sign()));
    await service.process.stop();
    await service.startAgain({ VES_COMMIT_INTERVAL_MS: "10" });
    await metric(service, 'sequencer_commitments_created{trigger="automatic"}', 0);
    expect(await service.process.stop()).toBe(0);
    expect(service.process.lines.filter((line) => line.includes("commitment failed"))).toEqual([]);
  });

  it("a second signal ends it at once with code 1; the folder is as good as after a clean end", async () => {
    await using service = await startWarm();
    const agent = await service.agent();
    const first = await agent.ingest([agent.sign()]);
    using _upload = await beginUpload(service);
    await beginShutdown(service);
    // Again and again: what comes right after the first is taken for the same signal.
    const again = setInterval(() => service.process.signal("SIGTERM"), 50);
    expect(await service.process.exited).toBe(1);
    clearInterval(again);
    await service.startAgain();
    const ledger = new Ledger();
    ledger.add(first);
    checkAcknowledged(await readLog(service), ledger.receipts);
  });

  it("SIGINT counts as well, also as the second one", async () => {
    await using service = await startWarm();
    using _upload = await beginUpload(service);
    await beginShutdown(service);
    service.process.signal("SIGINT");
    expect(await service.process.exited).toBe(1);
  });

  it.each([
    ["SIGHUP", "SIGTERM"],
    ["SIGTERM", "SIGHUP"],
    ["SIGINT", "SIGINT"],
  ] as const)("%s and at once %s are one wish to stop: what is open is answered", async (first, second) => {
    await using service = await startService();
    const agent = await service.agent();
    const { body } = signBatch(agent, 1);
    using upload = await RawConnection.open(service);
    upload.writeHead("POST", "/api/v1/ves/events/ingest", {
      "content-type": "application/json",
      "content-length": String(Buffer.byteLength(body)),
    });
    upload.write(body.slice(0, 1));
    await service.get("/health");
    service.process.signal(first);
    service.process.signal(second);
    while (!service.process.lines.some((line) => line.includes('"stopping"'))) await delay(10);
    upload.write(body.slice(1));
    expect((await upload.answer()).json.code).toBe("SHUTTING_DOWN");
    expect(await service.process.exited).toBe(0);
  });

  it("the deadline cuts short what a stuck client would hold up", async () => {
    await using service = await startWarm({ SHUTDOWN_DEADLINE_SECS: "1" });
    using _upload = await beginUpload(service);
    await beginShutdown(service);
    expect(await service.process.exited).toBe(1);
    expect(service.process.lines.some((line) => line.includes('"reason":"deadline"'))).toBe(true);
  });
});

/** With every thread's modules loaded: Node aborts when it is told to exit while a thread is still loading them. */
async function startWarm(env: Readonly<Record<string, string>> = {}): Promise<TestService> {
  const service = await startService({ VERIFY_THREADS: "1", READ_THREADS: "1", ...env });
  const agent = await service.agent();
  expect((await agent.ingest([agent.sign({ baseVersion: 9 })])).json.eventsRejected).toBe(1);
  expect((await service.get("/ready")).status).toBe(200);
  return service;
}

type End = "refused" | "cut off" | "ran out";

/** Sends until the service refuses. A refusal is 503 SHUTTING_DOWN or a connection that cannot be made. */
async function sendUntilRefused(
  service: TestService,
  batches: readonly Batch[],
  ledger: Ledger,
  onAnswer: () => void,
): Promise<End> {
  for (const batch of batches) {
    // A connection each: a kept one may be closed by the service in the moment the client writes to it.
    const outcome = await sendOnce(service, batch);
    if (typeof outcome === "string") return outcome;
    ledger.add(outcome);
    onAnswer();
  }
  return "ran out";
}

async function sendOnce(service: TestService, batch: Batch): Promise<End | Answer> {
  let connection: RawConnection;
  try {
    connection = await RawConnection.open(service);
  } catch {
    return "refused";
  }
  using _ = connection;
  try {
    const answer = await connection.post("/api/v1/ves/events/ingest", batch.body);
    if (answer.status === 200) return answer;
    expect({ status: answer.status, code: answer.json.code }).toEqual({ status: 503, code: "SHUTTING_DOWN" });
    return "refused";
  } catch (error) {
    if (error instanceof Error && error.message.startsWith("the connection ended")) return "cut off";
    throw error;
  }
}

/** Asks until a metric is at least `value`. */
async function metric(service: TestService, name: string, value: number): Promise<void> {
  for (;;) {
    const { text } = await service.get("/metrics");
    const line = text.split("\n").find((candidate) => candidate.startsWith(`${name} `));
    if (line === undefined ? value === 0 : Number(line.slice(name.length + 1)) >= value) return;
  }
}
