/**
 * What a user would take instead, on the same machine, in the same rounds, appending envelopes of the same size. None of
 * them checks a signature or gives a receipt. Each says how durable an acknowledged append is, and its flushes are counted.
 */
import { randomUUID } from "node:crypto";
import { BenchAgent } from "../load/signed-requests.js";
import { percentile } from "../statistics.js";

export interface Peer extends AsyncDisposable {
  readonly name: string;
  /** Version and what an acknowledgement promises. */
  readonly durability: string;
  readonly loads: readonly PeerLoad[];
  /** Flushes so far, as counted from outside or by itself; null where nobody can count them. */
  flushes(): Promise<number | null>;
}

export interface PeerLoad {
  readonly name: string;
  /** Appends until `endMs` (performance.now) and notes each acknowledgement. */
  run(endMs: number, acks: Acks): Promise<void>;
}

/** A peer that cannot run here. */
export interface AbsentPeer {
  readonly name: string;
  readonly because: string;
}

/** Acknowledged appends of one load in one round. */
export class Acks {
  events = 0;
  readonly #ms: number[] = [];

  note(sentMs: number, events: number): void {
    this.events += events;
    this.#ms.push(performance.now() - sentMs);
  }

  get requests(): number {
    return this.#ms.length;
  }

  p50Ms(): number {
    return percentile(Float64Array.from(this.#ms), 0.5);
  }

  p99Ms(): number {
    return percentile(Float64Array.from(this.#ms), 0.99);
  }
}

export interface PeerRound {
  readonly load: string;
  readonly events: number;
  readonly eventsPerSecond: number;
  readonly ackP50Ms: number;
  readonly ackP99Ms: number;
  readonly flushesPerSecond: number | null;
  /** How many acknowledged requests shared a flush; null where flushes are not counted. */
  readonly requestsPerFlush: number | null;
}

export async function measurePeer(peer: Peer, load: PeerLoad, ms: number): Promise<PeerRound> {
  const acks = new Acks();
  const before = await peer.flushes();
  const startedMs = performance.now();
  await load.run(startedMs + ms, acks);
  const wallMs = performance.now() - startedMs;
  const after = await peer.flushes();
  const flushes = before === null || after === null ? null : after - before;
  return {
    load: load.name,
    events: acks.events,
    eventsPerSecond: (acks.events * 1000) / wallMs,
    ackP50Ms: acks.p50Ms(),
    ackP99Ms: acks.p99Ms(),
    flushesPerSecond: flushes === null ? null : (flushes * 1000) / wallMs,
    requestsPerFlush: flushes === null ? null : acks.requests / flushes,
  };
}

/** Runs `append` over and over in `lanes` lanes until `endMs`. */
export async function inLanes(lanes: number, endMs: number, append: (lane: number) => Promise<void>): Promise<void> {
  const run = async (lane: number): Promise<void> => {
    while (performance.now() < endMs) await append(lane);
  };
  await Promise.all(Array.from({ length: lanes }, (_, lane) => run(lane)));
}

const STREAMS = 16;

/** Signed envelopes as our own load sends them, with fresh ids: a peer stores the text and checks nothing. */
export class PeerEvents {
  readonly streams = Array.from({ length: STREAMS }, () => ({ tenantId: randomUUID(), storeId: randomUUID() }));
  readonly #envelopes: readonly string[];
  #next = 0;

  constructor() {
    const agent = new BenchAgent();
    this.#envelopes = Array.from({ length: 256 }, () => JSON.stringify(agent.nextEvent()));
  }

  next(): { readonly id: string; readonly envelope: string; readonly entityId: string } {
    const index = this.#next++;
    return {
      id: randomUUID(),
      envelope: this.#envelopes[index % this.#envelopes.length]!,
      entityId: `order-${index >> 2}`,
    };
  }
}
