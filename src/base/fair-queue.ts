/**
 * A queue of several flows that are served in turn by cost (deficit round robin, Shreedhar and Varghese 1995): an item
 * waits for its own flow's backlog and for about one quantum of each other flow, never for another flow's backlog.
 * First in, first out within a flow. Bounded by whoever admits the items.
 */
import { assert } from "./assert.js";
import { FlowTable } from "./flow-table.js";

interface Flow<T> {
  readonly items: { readonly item: T; readonly cost: number }[];
  /** Cost it may still spend in this turn. */
  credit: number;
}

const newFlow = <T>(): Flow<T> => ({ items: [], credit: 0 });
const isIdle = <T>({ items }: Flow<T>): boolean => items.length === 0;

export class FairQueue<T> {
  readonly #quantum: number;
  readonly #flows = new FlowTable<Flow<T>>(newFlow, isIdle);
  /** Flows with items, in the order of their turns. */
  readonly #turns: Flow<T>[] = [];
  #size = 0;
  #cost = 0;

  /** `quantum`: cost that a flow may spend per turn. */
  constructor(quantum: number) {
    assert(quantum > 0, "a turn must be worth something");
    this.#quantum = quantum;
  }

  get size(): number {
    return this.#size;
  }

  /** Of all items. */
  get cost(): number {
    return this.#cost;
  }

  push(flow: string, item: T, cost: number): void {
    this.#busy(flow).items.push({ item, cost });
    this.#size += 1;
    this.#cost += cost;
  }

  /** Back to its flow's front, for an item that was taken and must be taken again: it costs nothing. */
  unshift(flow: string, item: T): void {
    this.#busy(flow).items.unshift({ item, cost: 0 });
    this.#size += 1;
  }

  /** The item that `shift` takes. */
  peek(): T | undefined {
    return this.#turn()?.items[0]?.item;
  }

  shift(): T | undefined {
    const flow = this.#turn();
    if (flow === undefined) return undefined;
    const { item, cost } = flow.items.shift()!;
    flow.credit -= cost;
    this.#size -= 1;
    this.#cost -= cost;
    // It is the first one: the turn is its own.
    if (flow.items.length === 0) this.#turns.shift();
    return item;
  }

  /** The flow, in its place among those with items: the caller gives it one. */
  #busy(name: string): Flow<T> {
    const flow = this.#flows.of(name);
    if (flow.items.length === 0) {
      // An idle flow saved nothing up.
      flow.credit = this.#quantum;
      this.#turns.push(flow);
    }
    return flow;
  }

  /** The flow whose turn it is, with the credit for its first item; each one passed over is paid for its next turn. */
  #turn(): Flow<T> | undefined {
    for (;;) {
      const flow = this.#turns[0];
      if (flow === undefined || flow.credit >= flow.items[0]!.cost) return flow;
      flow.credit += this.#quantum;
      this.#turns.shift();
      this.#turns.push(flow);
    }
  }
}
