/**
 * The service over HTTP and WebSocket, from Node or a browser: only `fetch`, `WebSocket` and `crypto` of the platform. Every
 * method rejects with `SequencerError`, or with its signal's reason. The API key goes into headers, never into a URL.
 */

import { type Ed25519, nobleEd25519 } from "../protocol/ed25519.js";
import type { EventEnvelope } from "../protocol/envelope.js";
import { Agent, type AgentOptions } from "./agent.js";
import {
  type AgentKey,
  type AgentKeyRef,
  type AgentKeyRegistered,
  type AgentKeyRegistration,
  type AgentKeyRevoked,
  readAgentKeys,
  readRegistered,
  readRevoked,
  registrationBody,
  revocationBody,
} from "./agent-keys.js";
import {
  type LogEntry,
  type LogHead,
  type LogPage,
  readHead,
  readIdentity,
  readLogPage,
  readStreamPage,
  readSubmitResult,
  readVesEntry,
  type SequencerIdentity,
  type StreamPage,
  type SubmitResult,
  type VesEntry,
} from "./answers.js";
import { BACKOFF } from "./backoff.js";
import { type ClientClock, platformClock } from "./client-clock.js";
import {
  type Commitment,
  type CommitmentRange,
  commitmentQuery,
  type ProvenInclusion,
  readCommitments,
  readNamedCommitment,
  readProvenInclusion,
} from "./commitments.js";
import { subprotocolsOf, type WebSocketConstructor } from "./entry-socket.js";
import { type ChannelRequest, type Fetch, HttpChannel, type RetryPolicy } from "./http-channel.js";
import { parseEntries } from "./legacy-texts.js";
import { LogAudit, type LogAuditOptions } from "./log-audit.js";
import { type LogCursor, logQuery } from "./log-query.js";
import { Proofs } from "./proofs.js";
import { SequencerError } from "./sequencer-error.js";
import type { SubscribeOptions } from "./subscribe-options.js";
import { Subscription } from "./subscription.js";
import { verifyEntry } from "./verify-entry.js";

export interface SequencerClientOptions {
  /** `http:` or `https:`; a path is kept as a prefix. */
  readonly url: string;
  /** `ss_…`; leave out only for a service that runs without authentication. */
  readonly apiKey?: string | undefined;
  /** Default: the platform's. */
  readonly fetch?: Fetch;
  /** Default: `ws` in Node, else the platform's. One with `pause()` lets a slow consumer hold the service back. */
  readonly WebSocket?: WebSocketConstructor;
  readonly clock?: ClientClock;
  /** In [0, 1), for the jitter of retries. */
  readonly random?: () => number;
  /** Of repeatable requests. Default: 12 attempts within 30 s. */
  readonly retry?: Partial<RetryPolicy>;
  /** Of one attempt, from its first byte sent to the last one read, milliseconds. Default 30 000. */
  readonly requestTimeoutMs?: number;
  /** Signs and verifies. Default: pure JavaScript. Any other must keep the protocol's one Ed25519 rule. */
  readonly ed25519?: Ed25519;
}

interface Abortable {
  readonly signal?: AbortSignal | undefined;
}

/** Events of one `submit`; the service's own default limit. */
export const EVENTS_PER_SUBMIT_MAX = 1000;

const RETRY: RetryPolicy = { attemptsMax: 12, totalMsMax: 30_000, backoff: BACKOFF };
const REQUEST_TIMEOUT_MS = 30_000;

/** RFC 9110 token: what a browser takes as a subprotocol, where a subscription carries the key. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

export class SequencerClient {
  readonly #http: HttpChannel;
  readonly #clock: ClientClock;
  readonly #ed25519: Ed25519;
  readonly #subscription: (options: SubscribeOptions) => Subscription;
  /** The first answer. */
  #sequencer: SequencerIdentity | null = null;
  /** The question that everybody waits for who has no signal. */
  #asking: Promise<SequencerIdentity> | null = null;
  /** Proofs of compliance and validity: their inputs, submission and checks. */
  readonly proofs: Proofs;

  /** Throws `TypeError` for a URL or key that cannot be used. */
  constructor(options: SequencerClientOptions) {
    const { apiKey = null, clock = platformClock, random = Math.random, ed25519 = nobleEd25519 } = options;
    const baseUrl = baseOf(options.url);
    if (apiKey !== null && !TOKEN.test(apiKey))
      throw new TypeError("apiKey is empty or has characters that no header can carry, a line end perhaps");
    const http = new HttpChannel({
      baseUrl,
      apiKey,
      fetch: options.fetch ?? ((url, init) => globalThis.fetch(url, init)),
      clock,
      random,
      retry: { ...RETRY, ...options.retry },
      requestTimeoutMs: options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS,
    });
    this.#http = http;
    this.proofs = new Proofs(http);
    this.#clock = clock;
    this.#ed25519 = ed25519;
    const link = {
      http,
      socketUrl: baseUrl.replace(/^http/, "ws"),
      socketProtocols: subprotocolsOf(apiKey),
      WebSocket: options.WebSocket,
      clock,
      random,
      ed25519,
      sequencer: (signal: AbortSignal) => this.sequencer({ signal }),
    };
    this.#subscription = (subscribe) => new Subscription(subscribe, link);
  }

  /** Who signs receipts, and for which log. The first answer is kept: a changed key or log is never taken up silently. */
  async sequencer(options: Abortable = {}): Promise<SequencerIdentity> {
    if (this.#sequencer !== null) return this.#sequencer;
    if (options.signal !== undefined) return this.#askSequencer(options);
    this.#asking ??= this.#askSequencer(options).finally(() => {
      this.#asking = null;
    });
    return this.#asking;
  }

  async #askSequencer(options: Abortable): Promise<SequencerIdentity> {
    const answered = await this.#get("/api/v1/sequencer", {}, options, readIdentity);
    this.#sequencer ??= answered;
    return this.#sequencer;
  }

  /** Where the log ends and, for a stream, where that ends. */
  head(stream: { readonly tenantId?: string; readonly storeId?: string } & Abortable = {}): Promise<LogHead> {
    return this.#get("/api/v1/head", { tenant_id: stream.tenantId, store_id: stream.storeId }, stream, readHead);
  }

  /** Not retried: a repeat that crosses its own success is refused with ALREADY_EXISTS. */
  registerAgentKey(registration: AgentKeyRegistration, options: Abortable = {}): Promise<AgentKeyRegistered> {
    return this.#post("/api/v1/agents/keys", registrationBody(registration), options, readRegistered);
  }

  /** All of them, with as many requests as the service needs: signing keys first, each kind by its ids. */
  async listAgentKeys(
    agent: { readonly tenantId: string; readonly agentId: string },
    options: Abortable = {},
  ): Promise<AgentKey[]> {
    const found: AgentKey[] = [];
    for (let after: string | undefined; ; ) {
      const query = { tenant_id: agent.tenantId, agent_id: agent.agentId, after };
      const { keys, next } = await this.#get("/api/v1/agents/keys", query, options, readAgentKeys);
      found.push(...keys);
      if (next === null) return found;
      after = next;
    }
  }

  /** From its answer on, the service takes no event signed with this key. */
  revokeAgentKey(ref: AgentKeyRef, options: Abortable = {}): Promise<AgentKeyRevoked> {
    return this.#post("/api/v1/agents/keys/revoke", revocationBody(ref), options, readRevoked);
  }

  /** EVENT_NOT_FOUND also for an event that this key may not see. */
  event(eventId: string, options: Abortable = {}): Promise<VesEntry> {
    return this.#get(`/api/v1/ves/events/${encodeURIComponent(eventId)}`, {}, options, readVesEntry);
  }

  /** A stream by sequence number. `from` is inclusive, default 1; `limit` default 100, at most 1000. */
  events(
    range: { readonly tenantId: string; readonly storeId: string; readonly from?: number; readonly limit?: number },
    options: Abortable = {},
  ): Promise<StreamPage> {
    const query = { tenant_id: range.tenantId, store_id: range.storeId, from: range.from, limit: range.limit };
    return this.#get("/api/v1/ves/events", query, options, readStreamPage);
  }

  /** A page of the log. `limit` default 100, at most 1000. */
  log(cursor: Partial<LogCursor> & { readonly limit?: number }, options: Abortable = {}): Promise<LogPage> {
    const query = { ...logQuery({ ...cursor, fromOffset: cursor.fromOffset ?? 0 }), limit: cursor.limit };
    return this.#get("/api/v1/log", query, options, readLogPage, parseEntries);
  }

  /**
   * Commitments of one stream in sequence order, each recomputed. Throws COMMITMENT_INVALID. That each follows the one before
   * it is checked by `verifyCommitmentChain` of `stateset-sequencer/protocol/commitment`.
   */
  commitments(range: CommitmentRange, options: Abortable = {}): Promise<Commitment[]> {
    return this.#get("/api/v1/ves/commitments", commitmentQuery(range), options, (answer) =>
      readCommitments(answer, range),
    );
  }

  /** BATCH_NOT_FOUND also for a commitment that this key may not see. Throws COMMITMENT_INVALID. */
  commitment(batchId: string, options: Abortable = {}): Promise<Commitment> {
    const path = `/api/v1/ves/commitments/${encodeURIComponent(batchId)}`;
    return this.#get(path, {}, options, (answer) => readNamedCommitment(answer, batchId));
  }

  /**
   * Shows that this very event is in a commitment: fetches the proof and recomputes it from the entry. Whether the commitment
   * is the one you know is told by its state root. Throws PROOF_INVALID, COMMITMENT_INVALID, BATCH_NOT_FOUND before there is one.
   */
  proveInclusion(entry: VesEntry, options: Abortable = {}): Promise<ProvenInclusion> {
    const path = `/api/v1/ves/inclusion-proofs/${encodeURIComponent(entry.event.event_id)}`;
    return this.#get(path, {}, options, (answer) => readProvenInclusion(answer, entry));
  }

  /** Holds the whole log to being append-only, see `LogAudit`. Throws `TypeError` for a key that is none. */
  auditLog(options: LogAuditOptions & Abortable): LogAudit {
    const { signal } = options;
    return new LogAudit(options, {
      ed25519: this.#ed25519,
      ask: (path, query) => this.#http.call({ method: "GET", path, query, signal, isRepeatable: true }),
    });
  }

  /** An event's frame exactly as it is sent: what `LogAudit.verifyLogged` takes. */
  eventText(eventId: string, { signal }: Abortable = {}): Promise<string> {
    const path = `/api/v1/ves/events/${encodeURIComponent(eventId)}`;
    const asItIs = (text: string): string => text;
    return this.#http.call({ method: "GET", path, signal, isRepeatable: true, parse: asItIs }) as Promise<string>;
  }

  /**
   * Signed events of one stream, up to 1000, all of `agentId`, each judged by itself. Resolves once each is durable and has its
   * receipt, or is among the `rejections`; an answer that leaves one out is INVALID_RESPONSE. Retried on connection errors, 408,
   * 429, 502, 503 and 504: the same bytes again, which the service answers with the same receipts. What it rejects with is
   * of the request and says nothing of any event: some may be stored.
   */
  async submit(
    envelopes: readonly EventEnvelope[],
    { agentId, signal }: { readonly agentId: string } & Abortable,
  ): Promise<SubmitResult> {
    if (envelopes.length > EVENTS_PER_SUBMIT_MAX) {
      const message = `${envelopes.length} events; one submit takes ${EVENTS_PER_SUBMIT_MAX}`;
      throw new SequencerError({ code: "BATCH_TOO_LARGE", message });
    }
    const body = JSON.stringify({ agentId, events: envelopes });
    const path = "/api/v1/ves/events/ingest";
    const answer = await this.#http.call({ method: "POST", path, body, signal, isRepeatable: true });
    return readSubmitResult(answer, envelopes);
  }

  /** Throws `TypeError`, see `Agent`. */
  agent(options: AgentOptions): Agent {
    return new Agent(options, {
      ed25519: this.#ed25519,
      nowMs: () => this.#clock.nowMs(),
      submit: (envelopes, submitOptions) => this.submit(envelopes, submitOptions),
      registerAgentKey: (registration, registerOptions) => this.registerAgentKey(registration, registerOptions),
    });
  }

  /** See `verifyEntry`; against the identity the service itself named, so pin a key where the service is not trusted. */
  async verifyEntry(entry: LogEntry, agentPublicKey?: Uint8Array, options: Abortable = {}): Promise<boolean> {
    const verify = { ed25519: this.#ed25519, ...(agentPublicKey === undefined ? {} : { agentPublicKey }) };
    return verifyEntry(entry, await this.sequencer(options), verify);
  }

  /** Every matching entry from an offset on, each once, in order, for ever: `for await (const entry of …)`. */
  subscribe(options: SubscribeOptions = {}): Subscription {
    return this.#subscription(options);
  }

  async #get<T>(
    path: string,
    query: NonNullable<ChannelRequest["query"]>,
    { signal }: Abortable,
    read: (answer: unknown) => T,
    parse: (text: string) => unknown = JSON.parse,
  ): Promise<T> {
    return read(await this.#http.call({ method: "GET", path, query, signal, isRepeatable: true, parse }));
  }

  async #post<T>(path: string, body: string, { signal }: Abortable, read: (answer: unknown) => T): Promise<T> {
    return read(await this.#http.call({ method: "POST", path, body, signal, isRepeatable: false }));
  }
}

function baseOf(text: string): string {
  const url = new URL(text);
  if (url.protocol !== "http:" && url.protocol !== "https:") throw new TypeError("url must be http: or https:");
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") {
    throw new TypeError("url must have no credentials, query or fragment");
  }
  return url.href.replace(/\/+$/, "");
}
