import type { Ed25519 } from "../protocol/ed25519.js";
import type { LogIdentity, SequencerIdentity } from "./answers.js";
import type { ClientClock } from "./client-clock.js";
import type { Transition } from "./connection-states.js";
import type { WebSocketConstructor } from "./entry-socket.js";
import type { HttpChannel } from "./http-channel.js";
import type { EntryFilters } from "./log-query.js";
import type { SequencerError } from "./sequencer-error.js";
import type { TrustedSigner } from "./verify-entry.js";

export interface SubscribeOptions extends EntryFilters {
  /** First offset wanted. Default 0. Any offset works, however far behind. */
  readonly fromOffset?: number;
  /** The log that offset belongs to, from an earlier `position`. Default, and null: the log found at the start. */
  readonly log?: LogIdentity | null | undefined;
  /** Frames of many entries instead of one each: the faster form. Default true. */
  readonly batch?: boolean;
  /** Check every entry's receipt: with the identity the service names at first (true), or better with pinned keys. */
  readonly verify?: boolean | TrustedSigner;
  readonly signal?: AbortSignal | undefined;
  /** Entries held for a slow consumer, and never more than about 16 MiB of their text. Default 1024. */
  readonly bufferEntriesMax?: number;
  /** Silence after which a socket is checked against the log over HTTP, milliseconds. Default 30 000. */
  readonly quietMs?: number;
  /** Longest handshake, milliseconds. Default 10 000. */
  readonly handshakeMs?: number;
  /** Told of every step, for logs and metrics; `error` says why, where something went wrong. What it throws ends the subscription. */
  readonly onTransition?: (step: Transition, error: SequencerError | null) => void;
}

/** What a subscription needs of the client it was made by. */
export interface SubscriptionLink {
  readonly http: HttpChannel;
  /** Without a trailing slash, `ws:` or `wss:`. */
  readonly socketUrl: string;
  readonly socketProtocols: readonly string[];
  readonly WebSocket: WebSocketConstructor | undefined;
  readonly clock: ClientClock;
  readonly random: () => number;
  readonly ed25519: Ed25519;
  sequencer(signal: AbortSignal): Promise<SequencerIdentity>;
}
