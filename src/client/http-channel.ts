/**
 * Requests over `fetch`: one deadline per attempt, refusals as `SequencerError`, and retries only where the caller says
 * that a repeat is harmless. Bound: `attemptsMax` attempts, the last begun within `totalMsMax` milliseconds.
 */
import { bodyParts, boundedBytes } from "../base/body-parts.js";
import { type BackoffPolicy, backoffMs } from "./backoff.js";
import { type ClientClock, sleep } from "./client-clock.js";
import { refusalOf, SequencerError } from "./sequencer-error.js";

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

export interface RetryPolicy {
  /** Attempts in all, the first included. */
  readonly attemptsMax: number;
  /** From the first attempt to the start of the last, milliseconds. */
  readonly totalMsMax: number;
  readonly backoff: BackoffPolicy;
}

export interface HttpChannelOptions {
  /** Without a trailing slash. */
  readonly baseUrl: string;
  readonly apiKey: string | null;
  readonly fetch: Fetch;
  readonly clock: ClientClock;
  readonly random: () => number;
  readonly retry: RetryPolicy;
  /** Of one attempt, milliseconds. */
  readonly requestTimeoutMs: number;
}

export interface ChannelRequest {
  readonly method: "GET" | "POST";
  readonly path: string;
  /** Members that are undefined are left out. */
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  /** JSON text: every attempt sends the same bytes. */
  readonly body?: string;
  readonly signal?: AbortSignal | undefined;
  /** A repeat changes nothing: try again on connection errors, 408, 429, 502, 503 and 504. */
  readonly isRepeatable: boolean;
  /** Reads the answer's JSON; default `JSON.parse`. Whatever it throws becomes INVALID_RESPONSE. */
  readonly parse?: (text: string) => unknown;
}

/** Of one answer: far more than the service ever gives, and all that a false one costs. */
const ANSWER_BYTES_MAX = 128 * 1024 * 1024;

/** 408: the request came too slowly for a proxy, or for the service (RFC 9110 §15.5.9). */
const RETRIED_STATUSES: readonly number[] = [408, 429, 502, 503, 504];

export class HttpChannel {
  readonly #options: HttpChannelOptions;

  constructor(options: HttpChannelOptions) {
    this.#options = options;
  }

  /** The answer's JSON. Rejects with `SequencerError`, or with the signal's reason. */
  async call(request: ChannelRequest): Promise<unknown> {
    const { clock, random, retry } = this.#options;
    const lastStartMs = clock.elapsedMs() + retry.totalMsMax;
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#attempt(request);
      } catch (error) {
        if (!request.isRepeatable || attempt >= retry.attemptsMax || !isRetried(error)) throw error;
        const delayMs = backoffMs(attempt, error.retryAfterSeconds, random, retry.backoff);
        if (clock.elapsedMs() + delayMs > lastStartMs) throw error;
        await sleep(clock, delayMs, request.signal);
      }
    }
  }

  async #attempt({ method, path, query, body, signal, parse }: ChannelRequest): Promise<unknown> {
    const { clock, requestTimeoutMs } = this.#options;
    signal?.throwIfAborted();
    const deadline = new AbortController();
    const onAbort = (): void => deadline.abort();
    const cancel = clock.after(requestTimeoutMs, onAbort);
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      const response = await this.#options.fetch(this.#urlOf(path, query), {
        method,
        headers: this.#headers(body !== undefined),
        signal: deadline.signal,
        ...(body === undefined ? {} : { body }),
      });
      const text = await readText(response, deadline.signal);
      if (!response.ok) throw refusalOf(response, text, clock.nowMs());
      return parseAnswer(response, text, parse ?? JSON.parse);
    } catch (error) {
      if (error instanceof SequencerError) throw error;
      signal?.throwIfAborted();
      throw deadline.signal.aborted ? timedOut(method, path, requestTimeoutMs, error) : noAnswer(method, path, error);
    } finally {
      cancel();
      signal?.removeEventListener("abort", onAbort);
    }
  }

  #urlOf(path: string, query: ChannelRequest["query"]): string {
    return `${this.#options.baseUrl}${path}${queryText(query ?? {})}`;
  }

  #headers(hasBody: boolean): Record<string, string> {
    const { apiKey } = this.#options;
    return {
      accept: "application/json",
      ...(apiKey === null ? {} : { authorization: `ApiKey ${apiKey}` }),
      ...(hasBody ? { "content-type": "application/json" } : {}),
    };
  }
}

/** Throws INVALID_RESPONSE for an answer that has no end, whoever gives it. */
async function readText(response: Response, signal: AbortSignal): Promise<string> {
  // Where the platform gives no stream, the deadline alone ends it.
  if (response.body === null || response.body === undefined) return response.text();
  const bytes = await boundedBytes(bodyParts(response, signal), ANSWER_BYTES_MAX);
  if (bytes !== null) return new TextDecoder().decode(bytes);
  const message = `the answer exceeds ${ANSWER_BYTES_MAX} bytes: is this the service's address?`;
  throw new SequencerError({ code: "INVALID_RESPONSE", message, status: response.status });
}

/** `?a=1&b=2`, or nothing. */
export function queryText(query: Readonly<Record<string, string | number | undefined>>): string {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) given.set(name, String(value));
  return given.size === 0 ? "" : `?${given}`;
}

function isRetried(error: unknown): error is SequencerError {
  if (!(error instanceof SequencerError)) return false;
  return error.status === 0 ? error.isTransient : RETRIED_STATUSES.includes(error.status);
}

function parseAnswer(response: Response, text: string, parse: (text: string) => unknown): unknown {
  try {
    return parse(text);
  } catch (error) {
    throw new SequencerError({
      code: "INVALID_RESPONSE",
      message: "the answer is not JSON: is this the service's address?",
      status: response.status,
      requestId: response.headers.get("x-request-id"),
      cause: error,
    });
  }
}

function timedOut(method: string, path: string, timeoutMs: number, cause: unknown): SequencerError {
  const message = `${method} ${path}: no answer within ${timeoutMs} ms`;
  return new SequencerError({ code: "REQUEST_TIMEOUT", message, cause });
}

function noAnswer(method: string, path: string, cause: unknown): SequencerError {
  return new SequencerError({ code: "CONNECTION_FAILED", message: `${method} ${path}: no answer`, cause });
}
