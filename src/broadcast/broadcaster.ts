/**
 * All live subscriptions. It holds no queue: a committed chunk only wakes the cursors. Bound: `subscribersMax`, counted
 * from the moment a subscription is accepted, before its socket opens. Tenants have equal shares of it when they need them.
 */
import { setImmediate as nextEventLoopTurn } from "node:timers/promises";
import { systemClock } from "../base/clock.js";
import { CodedError } from "../base/errors.js";
import type { Uuid } from "../base/ids.js";
import { Subscription, type SubscriptionOptions } from "./subscription.js";

/** What a caller says of a new subscription; the rest is the broadcaster's. */
export type NewSubscription = Omit<SubscriptionOptions, "onClosed" | "nextTurn">;

/** Whose a subscription is: it ends with what opened it. */
export interface SubscriptionHolder {
  /** Names the API key, so that its revocation reaches the subscription; null where there is none. */
  readonly credential: string | null;
  /** When the token that opened it expires; null = never. */
  readonly expiresAtMs: number | null;
  /** Whose share of the places it takes; null = a credential for all tenants, which counts as one more. */
  readonly tenantId: Uuid | null;
}

/** A timer that waits for hours does not notice a clock that is set or a machine that sleeps. */
const EXPIRY_LOOK_MS = 30_000;

/**
 * Writes, one for a subscriber that needs none, before everybody else gets a turn: about two thirds of a millisecond. Subscribers
 * that are behind need several writes each: turns of so many subscribers would grow with the backlog, and every answer with them.
 */
const WRITES_PER_TURN = 128;

export class Broadcaster {
  readonly #subscribersMax: number;
  readonly #nextTurn: () => Promise<unknown>;
  /** In the order they were accepted. */
  readonly #subscriptions = new Map<Subscription, SubscriptionHolder>();
  #hasNews = false;
  #isWaking = false;

  /** `nextTurn` resolves when everybody else had a chance to run. */
  constructor(subscribersMax: number, nextTurn: () => Promise<unknown> = nextEventLoopTurn) {
    this.#subscribersMax = subscribersMax;
    this.#nextTurn = nextTurn;
  }

  get subscribers(): number {
    return this.#subscriptions.size;
  }

  /** Throws TOO_MANY_SUBSCRIBERS. Callers ask before they judge anything else of a request. */
  checkRoom(tenantId: Uuid | null): void {
    this.#placeFor(tenantId);
  }

  /** When all places are taken, the tenant with most of them gives up its newest (1013). Throws as `checkRoom` does. */
  add(options: NewSubscription, holder: SubscriptionHolder): Subscription {
    const displaced = this.#placeFor(holder.tenantId);
    if (displaced !== null) {
      // Not when its socket is gone: a peer that does not read can put that off.
      this.#subscriptions.delete(displaced);
      displaced.end(1013, "TOO_MANY_SUBSCRIBERS");
    }
    let expiry: Disposable | null = null;
    const onClosed = (closed: Subscription): void => {
      this.#subscriptions.delete(closed);
      expiry?.[Symbol.dispose]();
    };
    const subscription = new Subscription({ ...options, nextTurn: this.#nextTurn, onClosed });
    this.#subscriptions.set(subscription, holder);
    if (holder.expiresAtMs !== null) {
      expiry = callAt(holder.expiresAtMs, () => subscription.end(1008, "TOKEN_EXPIRED"));
    }
    return subscription;
  }

  /**
   * Who must make room for one more subscription of the tenant, null = nobody. Only a tenant that keeps at least as many
   * afterwards as the new one then has: so two tenants never take a place from each other in turn.
   */
  #placeFor(tenantId: Uuid | null): Subscription | null {
    if (this.#subscriptions.size < this.#subscribersMax) return null;
    const held = new Map<Uuid | null, Subscription[]>();
    for (const [subscription, holder] of this.#subscriptions) {
      const own = held.get(holder.tenantId);
      if (own === undefined) held.set(holder.tenantId, [subscription]);
      else own.push(subscription);
    }
    const own = held.get(tenantId)?.length ?? 0;
    let most: readonly Subscription[] = [];
    for (const subscriptions of held.values()) if (subscriptions.length > most.length) most = subscriptions;
    if (most.length > own + 1) return most.at(-1)!;
    throw new CodedError("TOO_MANY_SUBSCRIBERS", `the limit of ${this.#subscribersMax} subscribers is reached`, {
      retryAfterSeconds: 5,
    });
  }

  /** There are new entries. Whoever is answered in this turn is answered first. */
  wake(): void {
    this.#hasNews = true;
    if (!this.#isWaking) void this.#wakeAll();
  }

  /** A thousand writes in one go would make every answer wait for them. What comes meanwhile, the next round sends with it. */
  async #wakeAll(): Promise<void> {
    this.#isWaking = true;
    while (this.#hasNews) {
      this.#hasNews = false;
      let writes = WRITES_PER_TURN;
      for (const subscription of this.#subscriptions.keys()) {
        if (writes >= WRITES_PER_TURN) {
          await this.#nextTurn();
          writes = 0;
        }
        writes += Math.max(1, subscription.wake());
      }
    }
    this.#isWaking = false;
  }

  /** Smallest cursor of all subscribers, or null: how far the slowest is. */
  slowestCursor(): number | null {
    let slowest: number | null = null;
    for (const { cursor } of this.#subscriptions.keys()) if (slowest === null || cursor < slowest) slowest = cursor;
    return slowest;
  }

  /** Ends every subscription of a revoked credential (1008). */
  endCredential(credential: string): void {
    for (const [subscription, holder] of this.#subscriptions) {
      if (holder.credential === credential) subscription.end(1008, "INVALID_API_KEY");
    }
  }

  /** The service goes away: clients come back with their cursor (1001). Resolves when the last one is gone. */
  async finishAll(): Promise<void> {
    await Promise.all(Array.from(this.#subscriptions.keys(), (each) => each.finish(1001, "SHUTTING_DOWN")));
  }
}

/** Calls `work` at a time by the system's clock, `EXPIRY_LOOK_MS` late at most when the clock jumps; not once disposed. */
function callAt(atMs: number, work: () => void): Disposable {
  let timer: NodeJS.Timeout;
  const wait = (): void => {
    const leftMs = Math.max(0, atMs - systemClock.nowMs());
    timer = setTimeout(() => (systemClock.nowMs() < atMs ? wait() : work()), Math.min(leftMs, EXPIRY_LOOK_MS)).unref();
  };
  wait();
  return { [Symbol.dispose]: () => clearTimeout(timer) };
}
