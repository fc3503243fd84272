/**
 * Streams that are to be committed, tenants in turn, and those in the making. One that is found due again meanwhile is
 * there once. Bound: who adds asks `hasRoom` before; 65,536 streams are about 16 MB.
 */
import { FairQueue } from "../base/fair-queue.js";
import type { DueStream } from "../store/commitment-contract.js";

const STREAMS_MAX = 65_536;

/** On a full disk all of them fail, again and again. */
const RETRIES_MAX = 1024;

export class DueStreams {
  /** By `ref`, until they are committed. */
  readonly #known = new Map<number, DueStream>();
  /** Refs of those whose turn is to come. */
  readonly #turns = new FairQueue<number>(1);
  readonly #failed: DueStream[] = [];

  get hasRoom(): boolean {
    return this.#known.size < STREAMS_MAX;
  }

  add(stream: DueStream): void {
    const known = this.#known.get(stream.ref);
    if (known === undefined) this.#push(stream);
    if (known === undefined || known.committedBelow < stream.committedBelow) this.#known.set(stream.ref, stream);
  }

  /** The next one, until `committed` or `failed` is called with it. */
  take(): DueStream | undefined {
    const ref = this.#turns.shift();
    return ref === undefined ? undefined : this.#known.get(ref)!;
  }

  /** It is committed to this number. What was found due since, or is more than one commitment takes, has another turn. */
  committed({ ref }: DueStream, sequenceEnd: number): void {
    const known = this.#known.get(ref)!;
    if (sequenceEnd < known.committedBelow) this.#push(known);
    else this.#known.delete(ref);
  }

  failed(stream: DueStream): void {
    this.#failed.push(stream);
  }

  /** Another turn for those that failed, or the first so many. */
  retry(): void {
    for (const stream of this.#failed.splice(0, RETRIES_MAX)) this.#push(stream);
  }

  #push({ tenantId, ref }: DueStream): void {
    this.#turns.push(tenantId, ref, 1);
  }
}
