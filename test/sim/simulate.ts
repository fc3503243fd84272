/** One run: a seed makes the world's speeds, sizes, faults and users; then everything moves until all is quiet again. */
import { SequencerClient } from "../../src/client/sequencer-client.js";
import { selectEd25519 } from "../../src/verify/ed25519-native.js";
import { entryTexts } from "../support/subscriber.js";
import { Follower, probe, revoke, type Stage, Writer } from "./actors.js";
import { NO_FAULTS, type StoreFaults } from "./faulty-store.js";
import { Judge } from "./judge.js";
import { Scheduler, settle } from "./scheduler.js";
import { Network, PausableSimWebSocket, SimWebSocket } from "./sim-network.js";
import { type ServiceSizes, type ServiceVariant, SimService } from "./sim-service.js";
import { type Folder, PLACES, type Template } from "./world.js";

/** Steps after which a run that has not come to rest is stuck. */
const STEPS_MAX = 60_000;

/** Timers passed without anything else to do, after which whoever still lacks an entry is stuck. */
const IDLE_TIMERS_MAX = 200;

export interface RunResult {
  readonly seed: number;
  /** The first broken promise, or null. */
  readonly violation: string | null;
  /** SHA-256 of everything that happened, in order. */
  readonly trace: string;
  /** The last steps before the end. */
  readonly lastLines: readonly string[];
  readonly figures: Figures;
}

export interface Figures {
  steps: number;
  entries: number;
  receipts: number;
  sockets: number;
  transitions: number;
  crashes: number;
  breaks: number;
  diskFull: number;
}

/** The network breaks and the process dies, as chances per step. */
interface Weather {
  readonly crash: number;
  readonly break: number;
  readonly request: number;
  readonly store: StoreFaults;
}

export async function simulate(seed: number, template: Template, variant: ServiceVariant = {}): Promise<RunResult> {
  using folder = template.copy();
  return await new Run(seed, folder, variant).run();
}

class Run {
  readonly #seed: number;
  readonly #folder: Folder;
  readonly #variant: ServiceVariant;
  readonly #scheduler: Scheduler;
  readonly #judge: Judge;
  readonly #network: Network;
  readonly #sizes: ServiceSizes;
  readonly #followers: Follower[] = [];
  readonly #writers: Writer[];
  readonly #stage: Stage;
  #weather: Weather;
  #service: SimService | null = null;
  #processes = 0;
  readonly #figures: Figures;

  constructor(seed: number, folder: Folder, variant: ServiceVariant) {
    this.#seed = seed;
    this.#folder = folder;
    this.#variant = variant;
    this.#scheduler = new Scheduler(seed);
    this.#judge = new Judge(folder.path);
    this.#network = new Network(this.#scheduler, this.#judge);
    this.#figures = {
      steps: 0,
      entries: 0,
      receipts: 0,
      sockets: 0,
      transitions: 0,
      crashes: 0,
      breaks: 0,
      diskFull: 0,
    };
    const { random } = this.#scheduler;
    this.#sizes = {
      chunkEventsMax: random.pick([1, 3, 1000]),
      laneQueueEventsMax: random.pick([2, 100]),
      requestsMax: random.pick([2, 6, 100]),
      tailBytesMax: random.pick([0, 2_500, 8_000, 1_000_000]),
      pageRingSlackBytes: random.pick([1, 1_500, 6_000]),
      generationPlaces: random.pick([1, 3, 10, 40]),
      pageBytesMax: random.pick([500, 4_000, 1_000_000]),
      pageEntriesMax: random.pick([1, 3, 100]),
      catchUpMax: random.pick([0, 0, 4, 15]),
      subscribersMax: random.pick([2, 64]),
      readAheadBytesMax: random.pick([0, 3_000, 1_000_000]),
    };
    const isCalm = random.chance(0.2);
    const io = isCalm ? 0 : random.pick([0, 0.05, 0.15]);
    this.#weather = {
      crash: isCalm ? 0 : random.pick([0, 0.001, 0.004]),
      break: isCalm ? 0 : random.pick([0, 0.005, 0.03]),
      request: isCalm ? 0 : random.pick([0, 0.05, 0.2]),
      store: { full: random.pick([0, 0.1, 0.4]), before: io / 2, after: io / 2 },
    };
    this.#network.breakChance = this.#weather.request;
    this.#stage = this.#makeStage();
    this.#writers = PLACES.map((place) => new Writer(this.#stage, place, 1 + random.below(5)));
  }

  async run(): Promise<RunResult> {
    await this.#drive(this.#start());
    for (const writer of this.#writers) this.#later(() => writer.act());
    for (let left = 1 + this.#scheduler.random.below(4); left > 0; left--) this.#later(() => this.#follow());
    if (this.#scheduler.random.chance(0.5)) this.#later(() => revoke(this.#stage));
    for (let left = this.#scheduler.random.below(3); left > 0; left--) {
      this.#later(() => void probe(this.#stage, this.#sizes));
    }
    while (!this.#writers.every(({ isDone }) => isDone) && this.#goesOn()) {
      this.#strike();
      if (!(await this.#scheduler.step()) && !this.#scheduler.skipToTimer()) break;
    }
    await this.#heal();
    await this.#finish();
    return this.#result();
  }

  #makeStage(): Stage {
    const [scheduler, network, judge] = [this.#scheduler, this.#network, this.#judge];
    const Base = scheduler.random.chance(0.7) ? PausableSimWebSocket : SimWebSocket;
    const figures = this.#figures;
    class WebSocket extends Base {
      constructor(url: string) {
        figures.sockets += 1;
        super(network, url.replace("ws:", "http:"));
      }
    }
    const client = new SequencerClient({
      ...{ url: "http://sim", fetch: network.fetch, WebSocket, clock: scheduler },
      ...{ random: () => scheduler.random.next(), ed25519: selectEd25519() },
      retry: { attemptsMax: 5, totalMsMax: 20_000 },
    });
    return { scheduler, network, judge, client };
  }

  #later(act: () => void): void {
    this.#scheduler.after(this.#scheduler.random.below(600), act);
  }

  /** A new follower from somewhere below the head that the service tells now. */
  #follow(): void {
    const { random } = this.#scheduler;
    const head = this.#service?.head().nextOffset ?? 0;
    const tenant = random.chance(0.25) ? { tenantId: random.pick(PLACES).tenantId } : {};
    const options = {
      fromOffset: random.pick([0, head, random.below(head + 1)]),
      ...{ batch: random.chance(0.5), bufferEntriesMax: random.pick([1, 4, 100]), quietMs: random.pick([200, 30_000]) },
      ...tenant,
    };
    const entriesMax = random.chance(0.3) ? 1 + random.below(20) : Number.POSITIVE_INFINITY;
    this.#followers.push(new Follower(this.#stage, `follower${this.#followers.length}`, options, entriesMax));
    if (random.chance(0.3)) this.#later(() => this.#follow());
  }

  #goesOn(): boolean {
    if (this.#scheduler.steps > STEPS_MAX) this.#judge.fail(`not at rest after ${STEPS_MAX} steps`);
    return this.#judge.violation === null;
  }

  #strike(): void {
    const { random } = this.#scheduler;
    if (random.chance(this.#weather.crash)) this.#crash("killed");
    if (!random.chance(this.#weather.break)) return;
    this.#figures.breaks += 1;
    this.#network.breakOne();
  }

  /** Starts a process on the folder; it serves when it is ready, unless it dies before. */
  #start(): Promise<void> {
    const number = this.#processes++;
    return SimService.start({
      ...{ scheduler: this.#scheduler, folder: this.#folder.path, sizes: this.#sizes, variant: this.#variant },
      name: `p${number}-`,
      faults: () => this.#weather.store,
      onFull: () => void this.#figures.diskFull++,
      onFatal: (error) => this.#scheduler.post(`p${number}-fatal`, () => this.#crash(error.message)),
    }).then(
      (service) => {
        this.#service = this.#network.service = service;
      },
      (error: unknown) => this.#judge.fail(`a start failed: ${error}`),
    );
  }

  /** The process ends here, wherever it is, and another one starts on its folder after a while. */
  #crash(why: string): void {
    if (this.#service === null) return;
    this.#figures.crashes += 1;
    this.#scheduler.note(`crash: ${why}`);
    this.#kill();
    this.#variant.recover?.(this.#folder.path);
    this.#judge.reopen();
    this.#scheduler.after(this.#scheduler.random.below(500), () => void this.#start());
  }

  #kill(): void {
    this.#scheduler.drop(`p${this.#processes - 1}-`);
    this.#service?.kill();
    this.#service = this.#network.service = null;
    this.#network.breakAll();
  }

  /** No more faults: everything that was promised must come, and come without waiting where nothing is in the way. */
  async #heal(): Promise<void> {
    this.#weather = { crash: 0, break: 0, request: 0, store: NO_FAULTS };
    this.#network.breakChance = 0;
    for (let timers = 0; this.#goesOn(); ) {
      if (await this.#scheduler.step()) continue;
      if (this.#service !== null) this.#judge.still();
      const end = this.#judge.durable();
      const isQuiet = this.#writers.every(({ isDone }) => isDone) && this.#followers.every((f) => f.hasReached(end));
      if (isQuiet && this.#service !== null) return;
      if (timers++ > IDLE_TIMERS_MAX || !this.#scheduler.skipToTimer()) this.#judge.fail("somebody waits for ever");
    }
  }

  /** A clean end, a last start, and the whole log as it is handed out then. */
  async #finish(): Promise<void> {
    const log: string[] = [];
    if (this.#judge.violation === null) {
      for (const { subscription } of this.#followers) void subscription.return();
      await this.#drive(this.#service!.stop());
      this.#kill();
      await this.#drive(this.#start());
      for (let end = this.#judge.durable(); log.length < end && this.#goesOn(); ) {
        const url = new URL(`http://sim/api/v1/log?from_offset=${log.length}`);
        const reply = await this.#drive(this.#network.ask("GET", url));
        if (reply !== undefined) log.push(...entryTexts(Buffer.from(reply.body as Uint8Array).toString()));
        end = this.#judge.durable();
      }
      const readings = this.#followers.map(({ reading }) => reading);
      if (this.#judge.violation === null) this.#judge.finish(log, readings);
    }
    this.#kill();
    this.#judge.close();
    this.#figures.entries = log.length;
  }

  /** Steps until the promise has its answer. */
  async #drive<T>(promise: Promise<T>): Promise<T | undefined> {
    let answer: { value: T } | null = null;
    void promise.then((value) => {
      answer = { value };
    });
    await settle();
    while (answer === null && this.#goesOn()) {
      if (!(await this.#scheduler.step()) && answer === null) this.#judge.fail("a request is never answered");
    }
    return (answer as { value: T } | null)?.value;
  }

  #result(): RunResult {
    const { steps, lastLines } = this.#scheduler;
    const { violation, receipts, transitions } = this.#judge;
    const figures = { ...this.#figures, steps, transitions, receipts: receipts.size };
    return { seed: this.#seed, violation, trace: this.#scheduler.traceHash(), lastLines, figures };
  }
}
