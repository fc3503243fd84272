/**
 * A subscription's connection, as a table. Every way back to a live socket leads through `catching_up`: an HTTP page from
 * the cursor names refusals that a browser's WebSocket hides, tells a restored log, and makes progress where no socket is
 * to be had. Invariant: a socket exists only in `connecting`, `live` and `paused`.
 */
export type ConnectionState =
  | "idle"
  /** Reading pages of the log over HTTP from the cursor. */
  | "catching_up"
  /** A socket's handshake is under way. */
  | "connecting"
  /** A socket delivers. */
  | "live"
  /** The socket is open but not read: the consumer has enough to do, and TCP tells the service. */
  | "paused"
  /** No socket: waiting for the consumer to make room. */
  | "draining"
  | "backing_off"
  /** Ended by the consumer. */
  | "closed"
  /** Ended by a refusal that waiting cannot cure. */
  | "failed";

export type ConnectionEvent =
  | "start"
  /** A page came, and the log goes on behind it. */
  | "page_more"
  /** A page came, and the socket's turn is now. */
  | "caught_up"
  /** As `caught_up`, but sockets were refused repeatedly: not at once. */
  | "held_off"
  /** No answer over HTTP, or one that may change by itself. */
  | "unavailable"
  /** A refusal for good. */
  | "refused"
  | "opened"
  | "handshake_failed"
  | "socket_lost"
  /** A frame repeats, goes back, skips, or is none. */
  | "disordered"
  /** Nothing came for a while. */
  | "quiet"
  /** HTTP shows entries that a quiet socket has not brought. */
  | "behind"
  /** The buffer is full; the socket can pause, or no socket is open. */
  | "buffer_full"
  /** The buffer is full, and the socket cannot pause (browsers). */
  | "overflow"
  | "buffer_low"
  | "delay_over"
  | "stop";

export type ConnectionAction =
  | "read_page"
  | "open_socket"
  /** Start to watch the open socket for quiet. */
  | "watch"
  /** One page over HTTP while the socket stays open. */
  | "check"
  | "pause_socket"
  | "resume_socket"
  | "wait_consumer"
  | "wait_delay"
  | "end";

export interface Transition {
  readonly from: ConnectionState;
  readonly event: ConnectionEvent;
  readonly to: ConnectionState;
  readonly action: ConnectionAction;
}

const row = (
  from: ConnectionState,
  event: ConnectionEvent,
  to: ConnectionState,
  action: ConnectionAction,
): Transition => ({ from, event, to, action });

export const TRANSITIONS: readonly Transition[] = [
  row("idle", "start", "catching_up", "read_page"),
  row("idle", "stop", "closed", "end"),

  row("catching_up", "page_more", "catching_up", "read_page"),
  row("catching_up", "caught_up", "connecting", "open_socket"),
  row("catching_up", "held_off", "backing_off", "wait_delay"),
  row("catching_up", "buffer_full", "draining", "wait_consumer"),
  row("catching_up", "unavailable", "backing_off", "wait_delay"),
  row("catching_up", "refused", "failed", "end"),
  row("catching_up", "stop", "closed", "end"),

  row("connecting", "opened", "live", "watch"),
  row("connecting", "handshake_failed", "catching_up", "read_page"),
  row("connecting", "refused", "failed", "end"),
  row("connecting", "stop", "closed", "end"),

  row("live", "socket_lost", "backing_off", "wait_delay"),
  row("live", "disordered", "catching_up", "read_page"),
  row("live", "buffer_full", "paused", "pause_socket"),
  row("live", "overflow", "draining", "wait_consumer"),
  row("live", "quiet", "live", "check"),
  row("live", "behind", "catching_up", "read_page"),
  row("live", "unavailable", "backing_off", "wait_delay"),
  row("live", "refused", "failed", "end"),
  row("live", "stop", "closed", "end"),

  row("paused", "buffer_low", "live", "resume_socket"),
  row("paused", "socket_lost", "draining", "wait_consumer"),
  row("paused", "disordered", "draining", "wait_consumer"),
  row("paused", "stop", "closed", "end"),

  row("draining", "buffer_low", "catching_up", "read_page"),
  row("draining", "stop", "closed", "end"),

  row("backing_off", "delay_over", "catching_up", "read_page"),
  row("backing_off", "stop", "closed", "end"),
];

const BY_CAUSE: ReadonlyMap<string, Transition> = new Map(
  TRANSITIONS.map((transition) => [`${transition.from} ${transition.event}`, transition]),
);

/** The table's row, or null: the event cannot happen in this state. */
export function transition(from: ConnectionState, event: ConnectionEvent): Transition | null {
  return BY_CAUSE.get(`${from} ${event}`) ?? null;
}

export function hasSocket(state: ConnectionState): boolean {
  return state === "connecting" || state === "live" || state === "paused";
}

/** Does the connection wait for the consumer? */
export function isHeld(state: ConnectionState): boolean {
  return state === "paused" || state === "draining";
}

export function isEnded(state: ConnectionState): boolean {
  return state === "closed" || state === "failed";
}
