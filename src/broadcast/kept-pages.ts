/**
 * What all subscribers together keep of the store's pages. Bound: `bytesMax`. Whoever has not moved for longest lets go of its
 * pages first and reads them again when it goes on: subscribers that stand still cannot take the room from those that move.
 */
export interface PageKeeper {
  /** Forget what you keep. Its bytes do not count any more. */
  letGo(): void;
}

export class KeptPages {
  readonly #bytesMax: number;
  /** In the order they last moved. */
  readonly #keepers = new Map<PageKeeper, number>();
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Whether so many more fit without taking them from somebody. */
  hasRoom(bytes: number): boolean {
    return this.#bytes + bytes <= this.#bytesMax;
  }

  /** From now on `keeper`, who moves, keeps this many bytes. Where that is too much, itself is the last to let go. */
  keep(keeper: PageKeeper, bytes: number): void {
    this.#forget(keeper);
    if (bytes === 0) return;
    this.#keepers.set(keeper, bytes);
    this.#bytes += bytes;
    for (const longest of this.#keepers.keys()) {
      if (this.#bytes <= this.#bytesMax) return;
      this.#forget(longest);
      longest.letGo();
    }
  }

  #forget(keeper: PageKeeper): void {
    this.#bytes -= this.#keepers.get(keeper) ?? 0;
    this.#keepers.delete(keeper);
  }
}
