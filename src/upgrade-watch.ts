/**
 * A log of an older version is upgraded before anything is served. Meanwhile operators read in the log how far it is, and
 * whoever asks gets an answer: `GET /health` 200, everything else 503 with a `Retry-After`, so that no probe takes the
 * process for a dead one and ends it.
 */
import { upgradingProblem, upgradingRoutes } from "./api/upgrading.js";
import { systemClock } from "./base/clock.js";
import type { Logger } from "./base/log.js";
import type { Config } from "./config.js";
import type { UpgradeStep } from "./store/sqlite/migrate.js";
import { hasNativeTransport } from "./transport/native.js";
import { type Server, startServer } from "./transport/server.js";

/** How an upgrade is ended before its time: between two slices or in one, whose transaction then never was. */
export interface UpgradeStop {
  readonly signal: AbortSignal;
  /**
   * The process must end now, with the folder still locked: the lane's thread goes on until it does. Not called before that
   * thread has loaded, see `ThreadStarts`, nor once the log is upgraded.
   */
  onStopped(): void;
}

export class UpgradeWatch {
  readonly #config: Config;
  readonly #log: Logger;
  readonly #stop: UpgradeStop;
  #isOver = false;
  #last: UpgradeStep | null = null;
  /** Null = it cannot listen, which is a reason to say so and not to leave the log half upgraded. */
  #standIn: Promise<Server | null> | null = null;

  constructor(config: Config, log: Logger, stop: UpgradeStop) {
    this.#config = config;
    this.#log = log;
    this.#stop = stop;
    stop.signal.addEventListener("abort", () => this.#stopIfAsked());
  }

  note(step: UpgradeStep): void {
    const { migration, entries, done } = step;
    this.#last = step;
    this.#standIn ??= this.#answer();
    if (typeof done === "number") this.#log.info({ migration, entries, ms: Math.round(done) }, "applied a migration");
    else this.#log.info({ migration, entries, ...done }, "upgrading the log");
    this.#stopIfAsked();
  }

  /** Leaves the address to the service. */
  async end(): Promise<void> {
    this.#isOver = true;
    await (await this.#standIn)?.[Symbol.asyncDispose]();
  }

  #stopIfAsked(): void {
    if (this.#stop.signal.aborted && this.#last !== null && !this.#isOver) this.#stop.onStopped();
  }

  #answer(): Promise<Server | null> {
    const { HOST: host, PORT: port, MAX_BODY_SIZE_BYTES: bodyBytesMax, REQUIRE_NATIVE_TRANSPORT } = this.#config;
    return startServer({
      ...{ host, port, limits: { bodyBytesMax }, requireNativeTransport: REQUIRE_NATIVE_TRANSPORT },
      routes: upgradingRoutes({ clock: systemClock, isNativeTransport: hasNativeTransport }),
      socketRoutes: [],
      renderProblem: (_, requestId) => upgradingProblem(this.#last!, requestId),
      logError: (error, requestId) => this.#log.error({ err: error, requestId }, "request failed"),
    }).catch((error: unknown) => {
      this.#log.warn({ err: error }, "nobody is answered until the log is upgraded");
      return null;
    });
  }
}
