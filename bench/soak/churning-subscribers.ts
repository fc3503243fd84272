/**
 * Subscribers that come, catch up, follow for some seconds and go, each with the next one in its place. Each must get the
 * entries from its cursor on, every one once, in order.
 */
import { headOf, type Target } from "../load/call.js";
import { FrameSocket } from "../load/frame-socket.js";

/** How far behind the head one begins, at most; how long it stays. */
const BEHIND_MAX = 2_000;
const STAY_MS_MIN = 2_000;
const STAY_MS_MAX = 15_000;

const OFFSET = '"offset":';
/** The offset stands near the beginning of a frame. */
const OFFSET_WITHIN = 64;

export class ChurningSubscribers implements Disposable {
  joined = 0;
  entries = 0;
  readonly faults: string[] = [];
  readonly #places = new Map<number, { readonly socket: FrameSocket; readonly timer: NodeJS.Timeout }>();
  #head = 0;

  private constructor(readonly target: Target) {}

  static async open(target: Target, places: number): Promise<ChurningSubscribers> {
    const subscribers = new ChurningSubscribers(target);
    subscribers.#head = await headOf(target);
    for (let place = 0; place < places; place++) subscribers.#join(place);
    return subscribers;
  }

  [Symbol.dispose](): void {
    for (const { socket, timer } of this.#places.values()) {
      clearTimeout(timer);
      socket[Symbol.dispose]();
    }
    this.#places.clear();
  }

  #join(place: number): void {
    let next = Math.max(0, this.#head - Math.floor(Math.random() * BEHIND_MAX));
    this.joined += 1;
    const socket = new FrameSocket({
      port: this.target.port,
      path: `/subscribe?from_offset=${next}`,
      apiKey: this.target.adminKey,
      onOpen: () => {},
      onMessage: (payload) => {
        const offset = offsetOf(payload);
        if (offset !== next) this.faults.push(`a subscriber got entry ${offset}, not ${next}`);
        next = offset + 1;
        this.#head = Math.max(this.#head, next);
        this.entries += 1;
      },
      onClosed: (error) => this.faults.push(error.message),
    });
    const stayMs = STAY_MS_MIN + Math.random() * (STAY_MS_MAX - STAY_MS_MIN);
    const timer = setTimeout(() => {
      socket[Symbol.dispose]();
      this.#join(place);
    }, stayMs);
    this.#places.set(place, { socket, timer });
  }
}

function offsetOf(payload: Buffer): number {
  const start = payload.toString("latin1", 0, OFFSET_WITHIN);
  return Number.parseInt(start.slice(start.indexOf(OFFSET) + OFFSET.length), 10);
}
