/** A service that crashes and comes back on the same port and folder, with clients that never give up. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { auditLog } from "../../src/audit/audit-log.js";
import type { CrashPoint } from "../../src/base/crash-point.js";
import { ServerProcess } from "../../src/cli/server-process.js";
import { SequencerClient } from "../../src/client/sequencer-client.js";
import { databasePath, openReader } from "../../src/store/sqlite/connection.js";
import { signBatch } from "../support/load.js";
import { ownPort } from "../support/own-port.js";
import { ed25519, type TestAgent, TestService } from "../support/service.js";
import { parseFrame, readLog, Subscriber } from "../support/subscriber.js";
import { CrashBooks } from "./crash-books.js";

/** Small enough for checkpoints, and restarts of the write-ahead log, every few chunks. */
const ENV = { WAL_BYTES_TARGET: "65536", WAL_BYTES_MAX: "200000", CHECKPOINT_INTERVAL_MS: "10", VERIFY_THREADS: "1" };
const WRITERS = 4;
const OVERLAP = 20;
/** The SDK waits up to 10 s between tries after a long time without a service. */
const CATCH_UP_MS = 20_000;

export class CrashService implements AsyncDisposable {
  readonly books = new CrashBooks();
  readonly #stop = new AbortController();
  readonly #tasks: Promise<void>[] = [];
  readonly #followers: Promise<void>[] = [];
  #isOver = false;

  private constructor(
    readonly service: TestService,
    readonly program: string | undefined,
  ) {}

  /** `program`: a build with a known fault, in place of this package's. */
  static async start(program?: string): Promise<CrashService> {
    const folder = mkdtempSync(join(tmpdir(), "sequencer-crash-"));
    const env = { ...ENV, PORT: String(await ownPort()) };
    const process = await ServerProcess.start({ folder, env, ...commandOf(program) });
    const crash = new CrashService(new TestService(process, folder, ENV), program);
    for (let writer = 0; writer < WRITERS; writer++) crash.#run(crash.#write(await crash.service.agent(), writer));
    for (const follower of [crash.#subscribe(), crash.#follow()]) {
      // It may fail rounds before `finish` looks at it.
      follower.catch(() => {});
      crash.#followers.push(follower);
    }
    return crash;
  }

  #run(task: Promise<void>): void {
    task.catch(() => {});
    this.#tasks.push(task);
  }

  /** Crashes at the n-th time a point is reached, or after a while when it is not; then starts again and compares. True when it was reached. */
  async crash(point: CrashPoint | null, count: number, killAfterMs: number): Promise<boolean> {
    const { service } = this;
    let isReached = false;
    // Already running without a crash point: that one goes first, as a crash at a random instant.
    await service.process.kill();
    if (point !== null) {
      const running = await this.#start({ CRASH_POINT: `${point}:${count}` });
      if (running === null) isReached = true;
      else {
        service.process = running;
        if (point.startsWith("revocation")) this.#run(this.#revoke());
        if (point === "checkpoint.restart") this.#run(this.#holdBack(running));
        isReached = (await Promise.race([running.exited, delay(killAfterMs)])) === "SIGKILL";
        await running.kill();
      }
    }
    await this.#audit();
    service.process = (await this.#start({}))!;
    if (point === null) {
      // A busy machine takes a while for the first answer; the next crash comes at a random moment after one.
      const { receipts } = this.books.ledger;
      const before = receipts.size;
      for (let waits = 0; receipts.size === before && waits < 1_000; waits++) await delay(10);
      await delay(killAfterMs);
    }
    const from = Math.max(0, this.books.entries - OVERLAP);
    this.books.takeLog(await readLog(service, "", from), from);
    return isReached;
  }

  /** No more load; everything the clients know against the whole log. */
  async finish(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#tasks);
    this.books.takeLog(await readLog(this.service), 0);
    // Followers run until they are stopped, unless they fail.
    await Promise.race([this.#caughtUp(), Promise.all(this.#followers)]);
    this.books.check();
    this.#stop.abort();
    await Promise.all(this.#followers);
    await this.service.process.kill();
    await this.#audit();
  }

  async #caughtUp(): Promise<void> {
    const { books } = this;
    const endMs = performance.now() + CATCH_UP_MS;
    while (Math.min(books.heard.length, books.frames.length) < books.entries && performance.now() < endMs) {
      await delay(20);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    this.#stop.abort();
    await this.service[Symbol.asyncDispose]();
    rmSync(this.service.folder, { recursive: true, force: true });
  }

  /** Null = it crashed before it listened, as it was told to. */
  async #start(env: Record<string, string>): Promise<ServerProcess | null> {
    const { port, adminKey } = this.service.process;
    const all = { ...ENV, PORT: String(port), BOOTSTRAP_ADMIN_API_KEY: adminKey, ...env };
    const command = commandOf(this.program);
    return ServerProcess.start({ folder: this.service.folder, env: all, ...command }).catch((error: Error) => {
      if (error.message.includes("SIGKILL")) return null;
      throw error;
    });
  }

  async #audit(): Promise<void> {
    const path = databasePath(this.service.folder);
    const { findings } = await auditLog({
      ...{ path, withSignatures: true, threads: 1, headMin: this.books.entries, onProgress: () => {} },
    });
    if (findings.length > 0) throw new Error(`verify-log: ${JSON.stringify(findings)}`);
  }

  /** One batch after another, each sent until it is answered. Every third batch is sent twice. */
  async #write(agent: TestAgent, writer: number): Promise<void> {
    for (let sent = 0; !this.#isOver; sent++) {
      const batch = signBatch(agent, 1 + ((sent + writer) % 7));
      for (let times = sent % 3 === 0 ? 2 : 1; times > 0; times--) {
        const answer = await this.#insist(() => this.service.post("/api/v1/ves/events/ingest", batch.body));
        if (answer !== null) this.books.ledger.add(answer);
      }
      await delay(2);
    }
  }

  /** An agent of its own sends until its key's revocation was answered, and a little longer. */
  async #revoke(): Promise<void> {
    const agent = await this.#insist(async () => ({ status: 200, agent: await this.service.agent() }));
    if (agent === null) return;
    const body = { tenantId: agent.agent.tenantId, agentId: agent.agent.agentId, keyId: 1 };
    const registered = await this.#insist(() =>
      this.service.get(`/api/v1/agents/keys?tenant_id=${body.tenantId}&agent_id=${body.agentId}`),
    );
    if (registered === null || registered.json.keys?.length === 0) return;
    const send = () => this.service.post("/api/v1/ves/events/ingest", signBatch(agent.agent, 2).body).catch(() => null);
    await send();
    const answer = await this.#insist(() => this.service.post("/api/v1/agents/keys/revoke", body));
    if (answer === null) return;
    const head = await this.#insist(() => this.service.get("/api/v1/head"));
    if (head === null) return;
    this.books.revoked.set(agent.agent.agentId, head.json.next_offset ?? head.json.head_offset);
    await send();
  }

  /** Reads in long transactions, so that a PASSIVE checkpoint never gets to the end of the write-ahead log. */
  async #holdBack(running: ServerProcess): Promise<void> {
    let isRunning = true;
    void running.exited.then(() => {
      isRunning = false;
    });
    const db = openReader(this.service.folder);
    while (isRunning) {
      db.exec("BEGIN");
      db.prepare("SELECT count(*) FROM entries").get();
      await delay(60);
      db.exec("COMMIT");
    }
    db.close();
  }

  /** Follows the log through every crash with the SDK, which resumes by itself. */
  async #subscribe(): Promise<void> {
    const { url, adminKey } = this.service;
    const retry = { attemptsMax: 10_000, totalMsMax: 600_000 };
    const client = new SequencerClient({ url, apiKey: adminKey, ed25519, retry });
    try {
      for await (const entry of client.subscribe({ fromOffset: 0, signal: this.#stop.signal })) {
        this.books.heard.push(entry.event.event_id);
      }
    } catch (error) {
      if (!this.#stop.signal.aborted) throw error;
    }
  }

  /** Follows the log as plainly as a client can: after each crash it asks for the offset after the last frame it got. */
  async #follow(): Promise<void> {
    const { frames } = this.books;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const from = frames.length;
      const subscriber = await Subscriber.open(this.service, `from_offset=${from}`).catch(() => null);
      let isOpen = subscriber !== null;
      void subscriber?.closed.then(() => {
        isOpen = false;
      });
      do {
        await delay(10);
        const got = subscriber?.frames.slice(frames.length - from) ?? [];
        for (const frame of got) {
          const { offset } = parseFrame(frame);
          if (offset !== frames.length)
            throw new Error(`the plain subscriber got entry ${offset}, not ${frames.length}`);
          frames.push(frame.toString("latin1"));
        }
      } while (isOpen && !signal.aborted);
      await subscriber?.[Symbol.asyncDispose]();
    }
  }

  /** Until there is an answer of success; null when the test is over. */
  async #insist<A extends { readonly status: number }>(call: () => Promise<A>): Promise<A | null> {
    while (!this.#isOver) {
      const answer = await call().catch(() => null);
      if (answer !== null && answer.status >= 200 && answer.status < 300) return answer;
      await delay(10);
    }
    return null;
  }
}

function commandOf(program: string | undefined): { command?: readonly string[] } {
  return program === undefined ? {} : { command: [process.execPath, program] };
}
