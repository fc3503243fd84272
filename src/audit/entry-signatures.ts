/** Signatures of entries, gathered on the way through those that were read together and then checked in one go. */
import type { Ed25519, SignatureCheck } from "../protocol/ed25519.js";
import type { Finding } from "./audit-fault.js";
import type { Entry } from "./entry-rows.js";

export class EntrySignatures {
  readonly #ed25519: Ed25519;
  #checks: SignatureCheck[] = [];
  /** What each check is if it fails. */
  #faults: Finding[] = [];

  constructor(ed25519: Ed25519) {
    this.#ed25519 = ed25519;
  }

  /** Keeps the bytes of `check`, which must not change. `message`: what to say should it fail. */
  add(entry: Entry, check: SignatureCheck, message: string): void {
    this.#checks.push(check);
    this.#faults.push({ offset: entry.row[0], message });
  }

  /** Checks all that were added since the last time. The first that fails in the order they came, or null. */
  takeForged(): Finding | null {
    const [checks, faults] = [this.#checks, this.#faults];
    this.#checks = [];
    this.#faults = [];
    const verdicts = this.#ed25519.verifyAll(checks);
    return faults.find((_, index) => !verdicts[index]) ?? null;
  }
}
