/**
 * Entries between the connection and the consumer, and the consumers that wait for one. Never both: an entry goes to the
 * oldest waiting consumer. The connection stops at `entriesMax`, or at `TEXT_MAX` of their text, and goes on at half of both.
 */
import type { LogEntry } from "./answers.js";

/**
 * Characters, as the service sent them: an entry may have a megabyte of them, and is three times that once it is parsed. Entries
 * of the usual size reach their number long before.
 */
const TEXT_MAX = 16 * 1024 * 1024;

interface Held {
  readonly entry: LogEntry;
  readonly text: number;
}

interface Waiter {
  resolve(entry: LogEntry | null): void;
  reject(error: unknown): void;
}

export class EntryBuffer {
  readonly #entriesMax: number;
  #entries: Held[] = [];
  /** `#entries` before this index are taken. */
  #taken = 0;
  /** Characters of those that are not. */
  #text = 0;
  readonly #waiters: Waiter[] = [];
  /** What `take` answers after the last entry; null while entries may come. */
  #end: (() => Promise<null>) | null = null;

  constructor(entriesMax: number) {
    this.#entriesMax = entriesMax;
  }

  get size(): number {
    return this.#entries.length - this.#taken;
  }

  get room(): number {
    return Math.max(0, this.#entriesMax - this.size);
  }

  get isFull(): boolean {
    return this.room === 0 || this.#text >= TEXT_MAX;
  }

  get isLow(): boolean {
    return this.size <= this.#entriesMax / 2 && this.#text <= TEXT_MAX / 2;
  }

  /** `text`: characters of one of them, on average. */
  push(entries: readonly LogEntry[], text: number): void {
    for (const entry of entries) {
      const waiter = this.#waiters.shift();
      if (waiter !== undefined) {
        waiter.resolve(entry);
        continue;
      }
      this.#entries.push({ entry, text });
      this.#text += text;
    }
  }

  /** The next entry; null after an end. Rejects with the end's error once what came before it is taken. */
  take(): Promise<LogEntry | null> {
    if (this.size > 0) return Promise.resolve(this.#shift());
    if (this.#end !== null) return this.#end();
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
  }

  /** No more entries will come; those already here are still taken. The first end counts. */
  end(): void {
    this.#end ??= () => Promise.resolve(null);
    for (const { resolve } of this.#waiters.splice(0)) resolve(null);
  }

  /** As `end`, but with an error after the last entry. */
  fail(error: unknown): void {
    this.#end ??= () => Promise.reject(error);
    for (const { reject } of this.#waiters.splice(0)) reject(error);
  }

  /** Forgets what nobody took. */
  clear(): void {
    this.#entries = [];
    this.#taken = 0;
    this.#text = 0;
  }

  #shift(): LogEntry {
    const { entry, text } = this.#entries[this.#taken++]!;
    this.#text -= text;
    if (this.#taken * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#taken);
      this.#taken = 0;
    }
    return entry;
  }
}
