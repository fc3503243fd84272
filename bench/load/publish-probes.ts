/** Subscribers in the sender's own process, so that one clock sees an event leave, its ack and its entry arrive. */
import { until, withDeadline } from "../deadline.js";
import { headOf, type Target } from "./call.js";
import { FrameSocket } from "./frame-socket.js";
import { sharedNowMs } from "./ticker.js";

const OPEN_MS_MAX = 10_000;
/** After the last answer, for the last entries. */
const ARRIVAL_MS_MAX = 10_000;

const EVENT_ID = '"event_id":"';
const UUID_LENGTH = 36;

export class PublishProbes implements Disposable {
  readonly #sockets: FrameSocket[] = [];
  readonly #arrivals: Map<string, number>[] = [];
  readonly #acks = new Map<string, number>();
  #fault: Error | null = null;

  static async open(target: Target, count: number): Promise<PublishProbes> {
    const probes = new PublishProbes();
    if (count === 0) return probes;
    const head = await headOf(target);
    const opened = Array.from({ length: count }, () => probes.#open(target, head));
    await withDeadline(Promise.all(opened), OPEN_MS_MAX, "opening probes");
    return probes;
  }

  acknowledged(eventId: string, nowMs: number): void {
    if (this.#sockets.length > 0) this.#acks.set(eventId, nowMs);
  }

  /** Waits for the entries of all acknowledged events. `eventIds[i]` was to be sent at `intendedMs[i]`. */
  async samples(
    eventIds: readonly string[],
    intendedMs: Float64Array,
  ): Promise<{ publishMs: Float64Array; wakeMs: Float64Array }> {
    const publishMs: number[] = [];
    const wakeMs: number[] = [];
    await until("the last entries", ARRIVAL_MS_MAX, 20, async () => {
      if (this.#fault !== null) throw this.#fault;
      return this.#arrivals.every((arrivals) => arrivals.size >= this.#acks.size);
    });
    for (const arrivals of this.#arrivals) {
      for (const [index, eventId] of eventIds.entries()) {
        const arrivedMs = arrivals.get(eventId);
        if (arrivedMs === undefined) continue;
        publishMs.push(arrivedMs - intendedMs[index]!);
        wakeMs.push(Math.max(0, arrivedMs - this.#acks.get(eventId)!));
      }
    }
    return { publishMs: Float64Array.from(publishMs), wakeMs: Float64Array.from(wakeMs) };
  }

  [Symbol.dispose](): void {
    for (const socket of this.#sockets) socket[Symbol.dispose]();
  }

  #open({ port, adminKey }: Target, head: number): Promise<void> {
    const arrivals = new Map<string, number>();
    this.#arrivals.push(arrivals);
    return new Promise((resolve, reject) => {
      const socket = new FrameSocket({
        port,
        path: `/subscribe?from_offset=${head}`,
        apiKey: adminKey,
        onOpen: resolve,
        onMessage: (payload) => {
          const at = payload.indexOf(EVENT_ID, 0, "latin1") + EVENT_ID.length;
          arrivals.set(payload.toString("latin1", at, at + UUID_LENGTH), sharedNowMs());
        },
        onClosed: (error) => {
          this.#fault = error;
          reject(error);
        },
      });
      this.#sockets.push(socket);
    });
  }
}
