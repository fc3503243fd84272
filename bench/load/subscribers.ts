/**
 * Many subscribers in one process of their own, for whichever server speaks WebSocket. They stand for other machines, so they
 * take as little of this one as they can.
 */
import { Child, serveSteps } from "../child.js";
import { withDeadline } from "../deadline.js";
import { EntryCheck } from "./entry-check.js";
import { FrameSocket } from "./frame-socket.js";

export interface Audience {
  readonly port: number;
  readonly path: string;
  readonly apiKey: string;
  readonly count: number;
}

export interface Heard {
  readonly messages: number;
  readonly payloadBytes: number;
  /** Frames held against another subscriber's, byte for byte. */
  readonly compared: number;
  /** When the last one had what was waited for, `performance.timeOrigin + performance.now()`. */
  readonly completeMs: number;
  readonly cpuMs: number;
}

/** What each subscriber must have got: messages; or, where many entries share one, payload bytes without JSON around them. */
export type Wanted = { readonly messages: number } | { readonly entries: number; readonly entryBytes: number };

/** The bench's end. */
export class Subscribers implements Disposable {
  readonly #child = new Child(import.meta.url);

  get pid(): number {
    return this.#child.pid;
  }

  /** Resolves when all of them are open. Closes those of before. */
  open(audience: Audience): Promise<void> {
    return this.#child.ask("open", audience);
  }

  /**
   * Resolves when each of them has what is wanted since it opened. Rejects when one got anything but the next entry, or when
   * nothing of what they got was checked.
   */
  hear(wanted: Wanted, msMax: number): Promise<Heard> {
    return this.#child.ask("hear", { wanted, msMax }, msMax + 5_000);
  }

  close(): Promise<void> {
    return this.#child.ask("close");
  }

  [Symbol.dispose](): void {
    this.#child[Symbol.dispose]();
  }
}

const OPEN_AT_ONCE = 50;

/**
 * After each turn in which many of them read, so that what comes meanwhile is read in one go: without it each write of the server
 * wakes this process, which costs both of them more than the bytes.
 */
const PAUSE_MS = 1;
const PAUSING_MIN = 100;
const clockCell = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));

let sockets: FrameSocket[] = [];
let check = new EntryCheck();
let fault: Error | null = null;
let onProgress: (socket: FrameSocket) => void = () => {};
let onFault: (error: Error) => void = () => {};
let openedCpu = process.cpuUsage();
let isPausing = false;

function pauseAfterTurn(): void {
  if (isPausing || sockets.length < PAUSING_MIN) return;
  isPausing = true;
  setImmediate(() => {
    isPausing = false;
    Atomics.wait(clockCell, 0, 0, PAUSE_MS);
  });
}

function close(): void {
  for (const socket of sockets) socket[Symbol.dispose]();
  sockets = [];
  fault = null;
}

async function open(audience: Audience): Promise<void> {
  close();
  check = new EntryCheck();
  while (sockets.length < audience.count) {
    const group = Math.min(OPEN_AT_ONCE, audience.count - sockets.length);
    await withDeadline(Promise.all(Array.from({ length: group }, () => openOne(audience))), 20_000, "opening");
  }
  openedCpu = process.cpuUsage();
}

function openOne({ port, path, apiKey }: Audience): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket: FrameSocket = new FrameSocket({
      ...{ port, path, apiKey, onOpen: resolve },
      check: check.subscriber(),
      onProgress: () => {
        onProgress(socket);
        pauseAfterTurn();
      },
      onClosed: (error) => {
        fault = error;
        reject(error);
        onFault(error);
      },
    });
    sockets.push(socket);
  });
}

function hear({ wanted, msMax }: { wanted: Wanted; msMax: number }): Promise<Heard> {
  const waiting = new Set(sockets);
  const complete = new Promise<void>((resolve, reject) => {
    if (fault !== null) reject(fault);
    onFault = reject;
    onProgress = (socket) => {
      if (!waiting.has(socket) || !hasHeard(socket, wanted)) return;
      waiting.delete(socket);
      if (waiting.size === 0) resolve();
    };
    for (const socket of sockets) onProgress(socket);
  });
  return withDeadline(complete, msMax, `hearing (${waiting.size} subscribers)`).then(heard);
}

function hasHeard({ messages, payloadBytes }: FrameSocket, wanted: Wanted): boolean {
  if ("messages" in wanted) return messages >= wanted.messages;
  // Of n entries an array has n - 1 commas and two brackets.
  return payloadBytes - messages >= wanted.entryBytes + wanted.entries;
}

function heard(): Heard {
  const cpu = process.cpuUsage(openedCpu);
  const messages = sockets.reduce((sum, socket) => sum + socket.messages, 0);
  check.conclude(sockets.length, messages);
  return {
    messages,
    compared: check.compared,
    payloadBytes: sockets.reduce((sum, socket) => sum + socket.payloadBytes, 0),
    completeMs: performance.timeOrigin + performance.now(),
    cpuMs: (cpu.user + cpu.system) / 1000,
  };
}

serveSteps(import.meta.url, { open, hear, close });
