/** Who uses the service in a simulation: agents that submit, readers that follow, somebody who revokes keys, and probes. */
import { PROBLEMS } from "../../src/api/problem.js";
import type { SequencerClient } from "../../src/client/sequencer-client.js";
import { SequencerError } from "../../src/client/sequencer-error.js";
import type { SubscribeOptions } from "../../src/client/subscribe-options.js";
import type { Subscription } from "../../src/client/subscription.js";
import type { Judge, Reading } from "./judge.js";
import type { Scheduler } from "./scheduler.js";
import type { Network } from "./sim-network.js";
import type { ServiceSizes } from "./sim-service.js";
import { PLACES, type Place } from "./world.js";

export interface Stage {
  readonly scheduler: Scheduler;
  readonly network: Network;
  readonly judge: Judge;
  readonly client: SequencerClient;
}

/** Sends batches of one place, some of them again and again, one or two at a time. */
export class Writer {
  inFlight = 0;
  readonly #stage: Stage;
  readonly #place: Place;
  #left: number;

  constructor(stage: Stage, place: Place, batches: number) {
    this.#stage = stage;
    this.#place = place;
    this.#left = batches;
  }

  get isDone(): boolean {
    return this.#left === 0 && this.inFlight === 0;
  }

  /** Sends one batch now, and the next after a while. */
  act(): void {
    const { scheduler, judge, client } = this.#stage;
    const { random } = scheduler;
    if (this.#left === 0) return;
    this.#left -= 1;
    const batch = Array.from({ length: 1 + random.below(4) }, () => random.pick(this.#place.events));
    judge.submitted(batch);
    this.inFlight += 1;
    client
      .submit(batch, { agentId: this.#place.agentId })
      .catch((error: unknown) => {
        if (!(error instanceof SequencerError && error.isTransient)) judge.fail(`a submit was answered ${error}`);
      })
      .finally(() => {
        this.inFlight -= 1;
      });
    scheduler.after(random.pick([0, 5, 40, 400]), () => this.act());
  }
}

/** Follows the log through the client's own resume logic; takes entries at its own speed. */
export class Follower {
  readonly reading: Reading;
  readonly subscription: Subscription;
  isEnded = false;
  readonly #stage: Stage;
  readonly #entriesMax: number;

  constructor(stage: Stage, name: string, options: SubscribeOptions, entriesMax: number) {
    this.#stage = stage;
    this.#entriesMax = entriesMax;
    this.reading = { name, from: options.fromOffset ?? 0, tenantId: options.tenantId ?? null, got: [] };
    this.subscription = stage.client.subscribe({
      ...options,
      onTransition: ({ from, event, to }) => stage.scheduler.note(`${name} ${from} ${event} ${to}`),
    });
    this.#take();
  }

  /** Has it got every entry below `end`, filtered ones aside? */
  hasReached(end: number): boolean {
    return this.isEnded || this.reading.tenantId !== null || this.reading.from + this.reading.got.length >= end;
  }

  #take(): void {
    this.subscription.next().then(
      ({ done, value }) => {
        if (done) return;
        this.reading.got.push(JSON.stringify(value));
        this.#stage.scheduler.post(this.reading.name, () => {
          if (this.reading.got.length < this.#entriesMax) return this.#take();
          this.isEnded = true;
          void this.subscription.return();
        });
      },
      (error: unknown) => {
        this.isEnded = true;
        this.#stage.judge.fail(`${this.reading.name} was ended by ${error}`);
      },
    );
  }
}

/** Revokes a key, and hears of it or not. */
export function revoke({ client, scheduler }: Stage): void {
  const { tenantId, agentId } = scheduler.random.pick(PLACES);
  const ref = { tenantId, agentId, keyId: 1 + scheduler.random.below(2) };
  client.revokeAgentKey(ref).catch((error: unknown) => {
    if (!(error instanceof SequencerError)) throw error;
  });
}

const PROBES: readonly (readonly [query: string, code: keyof typeof PROBLEMS])[] = [
  ["from_offset=-1", "CURSOR_MALFORMED"],
  ["from_offset=abc", "CURSOR_MALFORMED"],
  ["from_offset=18446744073709551616", "CURSOR_MALFORMED"],
  ["from_offset=9007199254740991", "CURSOR_IN_FUTURE"],
  ["from_offset=9007199254740993", "CURSOR_IN_FUTURE"],
  ["from_offset=0&log_id=33333333-3333-4333-8333-333333333333", "LOG_MISMATCH"],
  ["from_offset=0&epoch=2", "LOG_MISMATCH"],
];

/** A cursor that must be refused: the same name and status on both ways, whatever else is going on. */
export async function probe({ network, scheduler, judge }: Stage, sizes: ServiceSizes): Promise<void> {
  const { service } = network;
  // With no place left there is another answer first, and it is not about the cursor.
  if (service === null || service.broadcaster.subscribers >= sizes.subscribersMax) return;
  const urlOf = (path: string, query: string): URL => new URL(`http://sim${path}?${query}`);
  const [query, code] = scheduler.random.pick(PROBES);
  const [page, upgrade] = await Promise.all([
    network.ask("GET", urlOf("/api/v1/log", query)),
    network.accept(urlOf("/subscribe", query)),
  ]);
  for (const answer of [page, upgrade]) {
    const got = "status" in answer ? [answer.status, JSON.parse(String(answer.body)).code] : [101, "accepted"];
    if (got[0] !== PROBLEMS[code].status || got[1] !== code) judge.fail(`${query} was answered ${got.join(" ")}`);
  }
  const { nextOffset } = service.head();
  const late = await network.accept(urlOf("/subscribe", "from_offset=0"));
  const { catchUpMax } = sizes;
  const isRefused = catchUpMax > 0 && nextOffset > catchUpMax;
  if ("status" in late !== isRefused) judge.fail(`a catch-up of ${nextOffset} with a limit of ${catchUpMax}`);
  if (!("status" in late)) late.closed(1006, "");
  else if (JSON.parse(String(late.body)).code !== "CURSOR_TOO_OLD") judge.fail(`too old: ${late.body}`);
}
