/**
 * Questions that wait for the tlog thread. Anyone may ask, and a bundle reads up to 256 entries whole, which takes a third of
 * a second where they are large. So questions are answered a few milliseconds at a time, those of single hashes before
 * bundles, and between two turns the tree grows and is signed. Bound: the main thread's, see `Tlog`.
 */
import type { TlogQuestion } from "./tlog-message.js";

export interface AskedQuestion {
  readonly id: number;
  readonly question: TlogQuestion;
}

/** A turn ends with the first answer after this long. */
const TURN_MS = 5;

export class QuestionQueue {
  readonly #answer: (asked: AskedQuestion) => void;
  readonly #nowMs: () => number;
  readonly #short: AskedQuestion[] = [];
  readonly #bundles: AskedQuestion[] = [];
  #lastTurnMs = 0;

  constructor(answer: (asked: AskedQuestion) => void, nowMs: () => number = () => performance.now()) {
    this.#answer = answer;
    this.#nowMs = nowMs;
  }

  /** How long the last turn took while more wait, else 0: as much belongs to the tree before the next. */
  get lastTurnMs(): number {
    return this.#length > 0 ? this.#lastTurnMs : 0;
  }

  add(asked: AskedQuestion): void {
    (asked.question.kind === "entries" ? this.#bundles : this.#short).push(asked);
    if (this.#length === 1) this.#callTurn();
  }

  get #length(): number {
    return this.#short.length + this.#bundles.length;
  }

  #callTurn(): void {
    setImmediate(() => this.#turn());
  }

  #turn(): void {
    const beganMs = this.#nowMs();
    do {
      const asked = this.#short.shift() ?? this.#bundles.shift()!;
      this.#answer(asked);
      this.#lastTurnMs = this.#nowMs() - beganMs;
    } while (this.#length > 0 && this.#lastTurnMs < TURN_MS);
    if (this.#length > 0) this.#callTurn();
  }
}
