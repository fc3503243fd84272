/**
 * What carries a subscription: HTTP pages, then a socket, again and again, into one buffer. The table of
 * `connection-states.ts` decides, this file acts. Invariant: the buffer gets the matching entries, each once, in order.
 */
import { AssertionError } from "../base/assert.js";
import { type LogEntry, type LogPage, readFrame, readLogPage } from "./answers.js";
import { BACKOFF, type BackoffPolicy, backoffMs } from "./backoff.js";
import {
  type ConnectionAction,
  type ConnectionEvent,
  type ConnectionState,
  hasSocket,
  isEnded,
  isHeld,
  transition,
} from "./connection-states.js";
import type { EntryBuffer } from "./entry-buffer.js";
import { EntrySocket, loadWebSocket } from "./entry-socket.js";
import { queryText } from "./http-channel.js";
import { parseEntries } from "./legacy-texts.js";
import { LogPosition } from "./log-position.js";
import { isUnfiltered, logQuery } from "./log-query.js";
import { SequencerError } from "./sequencer-error.js";
import type { SubscribeOptions, SubscriptionLink } from "./subscribe-options.js";

const QUIET_MS_DEFAULT = 30_000;
const HANDSHAKE_MS_DEFAULT = 10_000;

/** Entries per HTTP page; the service ends a page earlier by bytes. */
const PAGE_ENTRIES_MAX = 1000;

/** While HTTP answers, a socket is tried every second at worst, and the page before it brings what there is. */
const SOCKET_BACKOFF: BackoffPolicy = { baseMs: 100, maxMs: 1000 };

export class SubscriptionConnection {
  readonly #options: SubscribeOptions;
  readonly #link: SubscriptionLink;
  readonly #buffer: EntryBuffer;
  readonly position: LogPosition;
  #state: ConnectionState = "idle";
  #socket: EntrySocket | null = null;
  /** Timers and requests live as long as the step that started them. */
  #work = new AbortController();
  #lastFrameMs = 0;
  /** Connections in a row that failed before they brought anything. */
  #failures = 0;
  /** Was the latest failure waited for? */
  #hasWaited = false;
  #socketsOpened = 0;

  constructor(options: SubscribeOptions, link: SubscriptionLink, buffer: EntryBuffer) {
    this.#options = options;
    this.#link = link;
    this.#buffer = buffer;
    this.position = new LogPosition(options.fromOffset ?? 0, options.log ?? null, isUnfiltered(options));
  }

  get state(): ConnectionState {
    return this.#state;
  }

  get socketsOpened(): number {
    return this.#socketsOpened;
  }

  start(): void {
    this.#on("start");
  }

  /** Ends at once; the buffer is ended too. */
  stop(): void {
    if (!isEnded(this.#state)) this.#on("stop");
  }

  /** The consumer took an entry. */
  taken(): void {
    if (isHeld(this.#state) && this.#buffer.isLow) this.#on("buffer_low");
  }

  /** One step of the table. */
  #on(event: ConnectionEvent, error: SequencerError | null = null): void {
    const step = transition(this.#state, event);
    if (step === null) {
      this.#break(new AssertionError(`${event} cannot happen while ${this.#state}`));
      return;
    }
    this.#state = step.to;
    this.#work.abort();
    this.#work = new AbortController();
    if (!hasSocket(step.to)) this.#dropSocket();
    const { signal } = this.#work;
    try {
      this.#options.onTransition?.(step, error);
    } catch (thrown) {
      // Nothing may be left half done, and a socket's or timer's callback is no place to throw: the consumer hears of it.
      if (!isEnded(step.to)) this.#break(thrown);
    }
    // The observer may have ended it.
    if (!signal.aborted) this.#act(step.action, error);
  }

  #act(action: ConnectionAction, error: SequencerError | null): void {
    const acts: Readonly<Record<ConnectionAction, () => void>> = {
      read_page: () => this.#attempt(() => this.#readPage()),
      open_socket: () => this.#attempt(() => this.#openSocket()),
      watch: () => this.#watch(),
      check: () => this.#attempt(() => this.#check()),
      pause_socket: () => this.#socket!.pause(),
      resume_socket: () => {
        this.#socket!.resume();
        this.#watch();
      },
      wait_consumer: () => {},
      wait_delay: () => this.#waitDelay(error),
      end: () => (error === null ? this.#buffer.end() : this.#buffer.fail(error)),
    };
    acts[action]();
  }

  /** Runs what belongs to this step; a failure after the step is over concerns nobody. */
  #attempt(run: () => Promise<void>): void {
    const { signal } = this.#work;
    run().catch((error: unknown) => {
      if (signal.aborted) return;
      if (error instanceof SequencerError) this.#on(error.isTransient ? "unavailable" : "refused", error);
      else this.#break(error);
    });
  }

  /** A bug of this client or of the observer: the consumer hears of it, the host process goes on. */
  #break(error: unknown): void {
    this.#buffer.fail(error);
    this.stop();
  }

  /** Reads one page at the cursor, no more entries than there is room for. */
  async #readPage(): Promise<void> {
    const { signal } = this.#work;
    let text = 0;
    const limit = Math.min(PAGE_ENTRIES_MAX, Math.max(1, this.#buffer.room));
    const page = await this.#requestPage(limit, signal, (length) => {
      text = length;
    });
    if (signal.aborted) return;
    this.#acceptPage(page);
    this.#buffer.push(page.entries, share(text, page.entries));
    this.#on(this.#afterPage(page));
  }

  #afterPage({ nextOffset, headOffset }: LogPage): ConnectionEvent {
    if (this.#buffer.isFull) return "buffer_full";
    // A socket is faster than pages, until one was refused: perhaps it would have had too much to catch up.
    if (this.#failures > 0 && nextOffset < headOffset) return "page_more";
    return this.#failures > 1 && !this.#hasWaited ? "held_off" : "caught_up";
  }

  /** Looks behind a socket's silence. With nothing missed the cursor still moves, past entries that do not match. */
  async #check(): Promise<void> {
    const { signal } = this.#work;
    const { nextOffset } = this.position;
    const page = await this.#requestPage(1, signal);
    if (signal.aborted) return;
    // A frame came meanwhile: the socket lives, and the page is of the past.
    const isCurrent = this.position.nextOffset === nextOffset;
    if (isCurrent && page.entries.length > 0) {
      this.#on("behind");
      return;
    }
    if (isCurrent) this.#acceptPage(page);
    this.#failures = 0;
    this.#watch();
  }

  #acceptPage(page: LogPage): void {
    if (this.position.acceptPage(page)) return;
    throw new SequencerError({ code: "INVALID_RESPONSE", message: "a page of the log is out of order" });
  }

  async #requestPage(limit: number, signal: AbortSignal, onText?: (characters: number) => void): Promise<LogPage> {
    const query = { ...this.#cursorQuery(), limit };
    const parse = (text: string): unknown => {
      onText?.(text.length);
      return parseEntries(text);
    };
    return readLogPage(
      await this.#link.http.call({
        method: "GET",
        path: "/api/v1/log",
        query,
        signal,
        isRepeatable: false,
        parse,
      }),
    );
  }

  #cursorQuery(): Record<string, string | number | undefined> {
    return logQuery({ ...this.#options, fromOffset: this.position.nextOffset, log: this.position.log });
  }

  async #openSocket(): Promise<void> {
    const { signal } = this.#work;
    const { socketUrl, socketProtocols, clock } = this.#link;
    const batch = this.#options.batch === false ? 0 : 1;
    const url = `${socketUrl}/subscribe${queryText({ ...this.#cursorQuery(), batch })}`;
    const WebSocket = await loadWebSocket(this.#link.WebSocket).catch(noSocket);
    if (signal.aborted) return;
    try {
      this.#socket = new EntrySocket(WebSocket, url, [...socketProtocols], {
        onOpen: () => {
          this.#socketsOpened += 1;
          this.#on("opened");
        },
        onFrame: (text) => this.#receive(text),
        onLost: () => this.#fail(this.#state === "connecting" ? "handshake_failed" : "socket_lost"),
      });
    } catch (error) {
      noSocket(error);
    }
    const giveUp = clock.after(this.#options.handshakeMs ?? HANDSHAKE_MS_DEFAULT, () => this.#fail("handshake_failed"));
    signal.addEventListener("abort", giveUp, { once: true });
  }

  #fail(event: "handshake_failed" | "socket_lost" | "disordered"): void {
    this.#failures += 1;
    this.#hasWaited = false;
    this.#on(event);
  }

  #dropSocket(): void {
    this.#socket?.close();
    this.#socket = null;
  }

  #receive(text: string): void {
    let entries: readonly LogEntry[];
    try {
      entries = readFrame(text);
    } catch {
      this.#fail("disordered");
      return;
    }
    this.#lastFrameMs = this.#link.clock.elapsedMs();
    const accepted = this.position.acceptFrame(entries);
    this.#buffer.push(accepted, share(text.length, entries));
    if (accepted.length < entries.length) {
      this.#fail("disordered");
      return;
    }
    this.#failures = 0;
    if (this.#state === "live" && this.#buffer.isFull) this.#on(this.#socket!.canPause ? "buffer_full" : "overflow");
  }

  /** Fires "quiet" once nothing came for `quietMs`. A frame only notes its time: no timer is set per frame. */
  #watch(): void {
    const { clock } = this.#link;
    const quietMs = this.#options.quietMs ?? QUIET_MS_DEFAULT;
    this.#lastFrameMs = clock.elapsedMs();
    let cancel = (): void => {};
    const arm = (delayMs: number): void => {
      cancel = clock.after(delayMs, () => {
        const leftMs = this.#lastFrameMs + quietMs - clock.elapsedMs();
        if (leftMs > 0) arm(leftMs);
        else this.#on("quiet");
      });
    };
    arm(quietMs);
    this.#work.signal.addEventListener("abort", () => cancel(), { once: true });
  }

  #waitDelay(error: SequencerError | null): void {
    const { clock, random } = this.#link;
    if (error !== null) this.#failures += 1;
    const policy = error === null ? SOCKET_BACKOFF : BACKOFF;
    const cancel = clock.after(backoffMs(this.#failures, error?.retryAfterSeconds ?? null, random, policy), () => {
      this.#hasWaited = true;
      this.#on("delay_over");
    });
    this.#work.signal.addEventListener("abort", cancel, { once: true });
  }
}

/** Whole characters: fractions would not add up to nothing again. */
function share(characters: number, { length }: readonly LogEntry[]): number {
  return length === 0 ? 0 : Math.ceil(characters / length);
}

function noSocket(cause: unknown): never {
  throw new SequencerError({ code: "WEBSOCKET_UNAVAILABLE", message: "no usable WebSocket constructor", cause });
}
