/**
 * Everything that happens in a simulation, one step at a time. A step waits in a named queue; queues are first in, first
 * out, and the seed decides which of them moves next: each queue is one thread, socket or connection, of its own speed.
 * Time passes only here.
 */
import { createHash } from "node:crypto";
import type { ClientClock } from "../../src/client/client-clock.js";
import { Random } from "../support/fuzz/random.js";

interface Queue {
  readonly name: string;
  readonly weight: number;
  readonly steps: (() => void)[];
}

interface Timer {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

const START_MS = 1_760_000_000_000;

/** How often a queue moves, compared with others: sockets and threads of any speed. */
const SPEEDS = [1, 1, 1, 0.2, 0.05, 5];

/** Lines of the trace kept for a failure's report. */
const TRACE_LINES_KEPT = 60;

export class Scheduler implements ClientClock {
  readonly random: Random;
  readonly lastLines: string[] = [];
  steps = 0;
  #nowMs = START_MS;
  #queues: Queue[] = [];
  #timers: Timer[] = [];
  #timerOrder = 0;
  readonly #speeds = new Map<string, number>();
  readonly #hash = createHash("sha256");

  constructor(seed: number) {
    this.random = new Random(seed);
  }

  nowMs(): number {
    return this.#nowMs;
  }

  elapsedMs(): number {
    return this.#nowMs - START_MS;
  }

  /** Runs `step` after all that waits in this queue, whenever its turn comes. */
  post(name: string, step: () => void): void {
    let queue = this.#queues.find((candidate) => candidate.name === name);
    if (queue === undefined) {
      queue = { name, weight: this.#speedOf(name), steps: [] };
      this.#queues.push(queue);
    }
    queue.steps.push(step);
  }

  /** Resolves with what `work` returns when its turn in the queue has come. */
  turn<T>(name: string, work: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.post(name, () => {
        try {
          resolve(work());
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  after(delayMs: number, run: () => void): () => void {
    let isCancelled = false;
    const timer = {
      atMs: this.#nowMs + Math.ceil(delayMs),
      order: this.#timerOrder++,
      run: () => isCancelled || run(),
    };
    this.#timers.push(timer);
    return () => {
      // It may be due already, and wait for its turn.
      isCancelled = true;
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** A crash: whatever waits in queues of these names never happens. */
  drop(prefix: string): void {
    this.#queues = this.#queues.filter(({ name }) => !name.startsWith(prefix));
  }

  /** One step, and everything that follows from it without waiting for another. False when nothing is left but timers. */
  async step(): Promise<boolean> {
    this.#nowMs += this.random.below(3);
    this.#postDueTimers();
    const queue = this.#pick();
    if (queue === null) return false;
    const step = queue.steps.shift()!;
    if (queue.steps.length === 0) this.#queues.splice(this.#queues.indexOf(queue), 1);
    this.steps += 1;
    this.note(queue.name);
    step();
    await settle();
    return true;
  }

  /** Lets time pass up to the next timer. False when there is none. */
  skipToTimer(): boolean {
    if (this.#timers.length === 0) return false;
    this.#nowMs = Math.max(this.#nowMs, Math.min(...this.#timers.map(({ atMs }) => atMs)));
    this.#postDueTimers();
    return true;
  }

  /** A line of the trace: what the run is compared by. */
  note(line: string): void {
    this.#hash.update(`${this.#nowMs} ${line}\n`);
    this.lastLines.push(line);
    if (this.lastLines.length > TRACE_LINES_KEPT) this.lastLines.shift();
  }

  /** Ends the trace: SHA-256 of all its lines. */
  traceHash(): string {
    return this.#hash.digest("hex");
  }

  #speedOf(name: string): number {
    const known = this.#speeds.get(name);
    if (known !== undefined) return known;
    const speed = this.random.pick(SPEEDS);
    this.#speeds.set(name, speed);
    return speed;
  }

  #postDueTimers(): void {
    const due = this.#timers.filter(({ atMs }) => atMs <= this.#nowMs);
    if (due.length === 0) return;
    this.#timers = this.#timers.filter(({ atMs }) => atMs > this.#nowMs);
    due.sort((a, b) => a.atMs - b.atMs || a.order - b.order);
    for (const { run } of due) this.post("timers", run);
  }

  #pick(): Queue | null {
    let total = 0;
    for (const { weight } of this.#queues) total += weight;
    let at = this.random.next() * total;
    for (const queue of this.#queues) {
      at -= queue.weight;
      if (at < 0) return queue;
    }
    return this.#queues.at(-1) ?? null;
  }
}

/** Every promise that is ready has run when this resolves: nothing in a simulation waits for anything but steps. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
