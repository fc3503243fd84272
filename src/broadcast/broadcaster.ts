/**
 * All live subscriptions. It holds no queue: a committed chunk only wakes the cursors. Bound: `subscribersMax`, counted
 * from the moment a subscription is accepted, before its socket opens.
 */
import { setImmediate as nextEventLoopTurn } from "node:timers/promises";
import { CodedError } from "../base/errors.js";
import { Subscription, type SubscriptionOptions } from "./subscription.js";

/** What a caller says of a new subscription; the rest is the broadcaster's. */
export type NewSubscription = Omit<SubscriptionOptions, "onClosed" | "nextTurn">;

export class Broadcaster {
  readonly #subscribersMax: number;
  readonly #nextTurn: () => Promise<unknown>;
  readonly #subscriptions = new Map<Subscription, string | null>();

  /** `nextTurn` resolves when everybody else had a chance to run. */
  constructor(subscribersMax: number, nextTurn: () => Promise<unknown> = nextEventLoopTurn) {
    this.#subscribersMax = subscribersMax;
    this.#nextTurn = nextTurn;
  }

  get subscribers(): number {
    return this.#subscriptions.size;
  }

  /** Throws TOO_MANY_SUBSCRIBERS. Callers ask before they judge anything else of a request. */
  checkRoom(): void {
    if (this.#subscriptions.size < this.#subscribersMax) return;
    throw new CodedError("TOO_MANY_SUBSCRIBERS", `the limit of ${this.#subscribersMax} subscribers is reached`, {
      retryAfterSeconds: 5,
    });
  }

  /** `credential` names the API key, so that its revocation ends the subscription. */
  add(options: NewSubscription, credential: string | null): Subscription {
    this.checkRoom();
    const onClosed = (closed: Subscription): void => void this.#subscriptions.delete(closed);
    const subscription = new Subscription({ ...options, nextTurn: this.#nextTurn, onClosed });
    this.#subscriptions.set(subscription, credential);
    return subscription;
  }

  wake(): void {
    for (const subscription of this.#subscriptions.keys()) subscription.wake();
  }

  /** Smallest cursor of all subscribers, or null: how far the slowest is. */
  slowestCursor(): number | null {
    let slowest: number | null = null;
    for (const { cursor } of this.#subscriptions.keys()) if (slowest === null || cursor < slowest) slowest = cursor;
    return slowest;
  }

  /** Ends every subscription of a revoked credential (1008). */
  endCredential(credential: string): void {
    for (const [subscription, name] of this.#subscriptions) {
      if (name === credential) subscription.end(1008, "INVALID_API_KEY");
    }
  }

  /** The service goes away: clients come back with their cursor (1001). Resolves when the last one is gone. */
  async finishAll(): Promise<void> {
    await Promise.all(Array.from(this.#subscriptions.keys(), (each) => each.finish(1001, "SHUTTING_DOWN")));
  }
}
