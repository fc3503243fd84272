/**
 * The log from an offset on, as an endless iterator. Invariant: the consumer gets the matching entries, each once, in order,
 * over whatever connections it takes. Bound: `bufferEntriesMax` entries, and 16 MiB of their text, ahead of the consumer, plus one read of a socket.
 */
import type { LogEntry, LogIdentity, SequencerIdentity } from "./answers.js";
import { BACKOFF, backoffMs } from "./backoff.js";
import { nextTurn, sleep } from "./client-clock.js";
import type { ConnectionState } from "./connection-states.js";
import { EntryBuffer } from "./entry-buffer.js";
import { SequencerError } from "./sequencer-error.js";
import type { SubscribeOptions, SubscriptionLink } from "./subscribe-options.js";
import { SubscriptionConnection } from "./subscription-connection.js";
import { entryFault, expectKeys } from "./verify-entry.js";

const BUFFER_ENTRIES_DEFAULT = 1024;

/** How long receipts are checked in one go, milliseconds: a buffer of them takes more than a second without native code. */
const TURN_MS_MAX = 50;

const DONE = { done: true, value: undefined } as const;

export class Subscription implements AsyncIterableIterator<LogEntry, undefined> {
  readonly #options: SubscribeOptions;
  readonly #link: SubscriptionLink;
  readonly #buffer: EntryBuffer;
  readonly #connection: SubscriptionConnection;
  /** Aborted when the consumer is done with it. */
  readonly #ended = new AbortController();
  #consumedOffset: number;
  /** Asked once, however many consumers wait for the answer. */
  #signer: Promise<SequencerIdentity | null> | null = null;
  #turnStartedMs: number;
  /** While everything else in this thread runs. */
  #pause: Promise<void> | null = null;

  /** Throws `RangeError` for an offset or a buffer that is no whole number, `TypeError` for keys to verify with that are none. */
  constructor(options: SubscribeOptions, link: SubscriptionLink) {
    const { fromOffset = 0, bufferEntriesMax = BUFFER_ENTRIES_DEFAULT, verify } = options;
    if (!Number.isSafeInteger(fromOffset) || fromOffset < 0) throw new RangeError("fromOffset must be an offset");
    if (!Number.isSafeInteger(bufferEntriesMax) || bufferEntriesMax < 1) {
      throw new RangeError("bufferEntriesMax must be at least 1");
    }
    if (typeof verify === "object" && verify !== null) expectKeys(verify);
    this.#options = options;
    this.#link = link;
    this.#buffer = new EntryBuffer(bufferEntriesMax);
    this.#connection = new SubscriptionConnection(options, link, this.#buffer);
    this.#consumedOffset = fromOffset;
    this.#turnStartedMs = link.clock.elapsedMs();
  }

  get state(): ConnectionState {
    return this.#connection.state;
  }

  /** Where to go on after the last entry the consumer got: keep it, and pass it as `fromOffset` and `log`. */
  get position(): { readonly nextOffset: number; readonly log: LogIdentity | null } {
    return { nextOffset: this.#consumedOffset, log: this.#connection.position.log };
  }

  /** Entries that wait for the consumer. */
  get buffered(): number {
    return this.#buffer.size;
  }

  /** Sockets opened after the first, and times a socket left out entries that the log has. */
  get counts(): { readonly reconnects: number; readonly gaps: number } {
    const { socketsOpened, position } = this.#connection;
    return { reconnects: Math.max(0, socketsOpened - 1), gaps: position.gaps };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /**
   * The next entry; the first call connects. Rejects with `SequencerError` when the service refuses for good or a receipt
   * does not verify, with the signal's reason when it aborts. After either it is done.
   */
  async next(): Promise<IteratorResult<LogEntry, undefined>> {
    if (this.#connection.state === "idle") this.#start();
    try {
      const entry = await this.#take();
      this.#connection.taken();
      if (entry === null) return DONE;
      if (this.#options.verify && !(await this.#verify(entry, this.#options.verify))) {
        // It ended meanwhile, and says how.
        await this.#buffer.take();
        return DONE;
      }
      this.#consumedOffset = entry.offset + 1;
      return { done: false, value: entry };
    } catch (error) {
      this.#stop();
      throw error;
    }
  }

  /** Closes the socket at once and forgets what was not taken; `break` in `for await` comes here. */
  async return(): Promise<IteratorResult<LogEntry, undefined>> {
    this.#stop();
    return DONE;
  }

  #start(): void {
    const { signal } = this.#options;
    if (signal?.aborted) {
      this.#onAbort();
      return;
    }
    signal?.addEventListener("abort", this.#onAbort, { once: true });
    this.#connection.start();
  }

  readonly #onAbort = (): void => {
    this.#buffer.clear();
    this.#buffer.fail(this.#options.signal!.reason);
    this.#stop();
  };

  #stop(): void {
    this.#ended.abort();
    this.#buffer.clear();
    this.#connection.stop();
    // A signal that outlives this subscription must not keep it.
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
  }

  /** Entries that are there are taken without the event loop's ever running: where each costs a signature, it runs in between. */
  async #take(): Promise<LogEntry | null> {
    const { clock } = this.#link;
    if (this.#options.verify && this.#buffer.size > 0) {
      if (clock.elapsedMs() - this.#turnStartedMs < TURN_MS_MAX) return this.#buffer.take();
      this.#pause ??= nextTurn().then(() => {
        this.#pause = null;
      });
      // One pause for all who ask meanwhile: they go on in the order they asked.
      await this.#pause;
    }
    const entry = await this.#buffer.take();
    this.#turnStartedMs = clock.elapsedMs();
    return entry;
  }

  /** False when the consumer was done before it could be told. */
  async #verify(entry: LogEntry, verify: Exclude<SubscribeOptions["verify"], false | undefined>): Promise<boolean> {
    if (verify === true) this.#signer ??= this.#askSigner();
    const signer = verify === true ? await this.#signer : verify;
    if (signer === null) return false;
    const fault = entryFault(entry, signer, { ed25519: this.#link.ed25519 });
    if (fault === null) return true;
    throw new SequencerError({ code: "RECEIPT_INVALID", message: `entry ${entry.offset}: ${fault}` });
  }

  /** As patient as the connection: only a refusal for good rejects. Null when the consumer did not wait for it. */
  async #askSigner(): Promise<SequencerIdentity | null> {
    const { clock, random } = this.#link;
    const { signal } = this.#ended;
    for (let failures = 1; !signal.aborted; failures++) {
      try {
        return await this.#link.sequencer(signal);
      } catch (error) {
        if (signal.aborted) break;
        if (!(error instanceof SequencerError) || !error.isTransient) throw error;
        const delayMs = backoffMs(failures, error.retryAfterSeconds, random, BACKOFF);
        await sleep(clock, delayMs, signal).catch(() => {});
      }
    }
    return null;
  }
}
