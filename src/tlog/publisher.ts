/**
 * Decides which signed checkpoint is served: the newest with enough cosignatures. Witnesses are asked in rounds, all of
 * them about the same checkpoint, so that their cosignatures meet; one that is slow is left behind until it is done.
 * Bound: one round, and one older checkpoint for each witness that was left behind.
 */
import type { SignedCheckpoint } from "./tlog-message.js";

/** Who cosigns. Rejects with why it did not. */
export interface Cosigner {
  readonly name: string;
  cosign(note: string, size: number): Promise<string>;
}

export interface PublisherOptions {
  readonly cosigners: readonly Cosigner[];
  /** Cosignatures a checkpoint must have to be served. */
  readonly quorum: number;
  onServed(checkpoint: SignedCheckpoint): void;
  /** Told once for a failure that goes on. */
  onFailure(name: string, reason: string): void;
}

interface Round {
  readonly checkpoint: SignedCheckpoint;
  readonly lines: string[];
  pending: number;
}

interface Member {
  readonly cosigner: Cosigner;
  asked: Round | null;
  isBusy: boolean;
  failure: string | null;
}

export class Publisher {
  readonly #options: PublisherOptions;
  readonly #members: readonly Member[];
  #latest: SignedCheckpoint | null = null;
  #round: Round | null = null;
  #servedSize = -1;

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.#members = options.cosigners.map((cosigner) => ({ cosigner, asked: null, isBusy: false, failure: null }));
  }

  /** A new checkpoint is signed. */
  add(checkpoint: SignedCheckpoint): void {
    this.#latest = checkpoint;
    this.#step();
  }

  /** Asks those again that failed, should the log not have grown since. */
  retry(): void {
    for (const member of this.#members) if (!member.isBusy && member.failure !== null) member.asked = null;
    this.#step();
  }

  #step(): void {
    if (this.#latest !== null && this.#latest !== this.#round?.checkpoint && this.#isRoundOver()) {
      this.#round = { checkpoint: this.#latest, lines: [], pending: 0 };
      this.#serve(this.#round);
    }
    const round = this.#round;
    if (round === null) return;
    for (const member of this.#members) if (!member.isBusy && member.asked !== round) void this.#ask(member, round);
  }

  #isRoundOver(): boolean {
    const round = this.#round;
    return round === null || round.pending === 0 || round.lines.length >= this.#options.quorum;
  }

  async #ask(member: Member, round: Round): Promise<void> {
    const { cosigner } = member;
    member.asked = round;
    member.isBusy = true;
    round.pending += 1;
    try {
      round.lines.push(await cosigner.cosign(round.checkpoint.note, round.checkpoint.size));
      member.failure = null;
      this.#serve(round);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (member.failure !== reason) this.#options.onFailure(cosigner.name, reason);
      member.failure = reason;
    }
    round.pending -= 1;
    member.isBusy = false;
    this.#step();
  }

  #serve({ checkpoint, lines }: Round): void {
    if (lines.length < this.#options.quorum || checkpoint.size < this.#servedSize) return;
    this.#servedSize = checkpoint.size;
    this.#options.onServed({ ...checkpoint, note: checkpoint.note + lines.join(""), cosignatures: lines.length });
  }
}
