import { CodedError } from "../base/errors.js";
import type { BodyBudget, FlowRoom } from "./body-budget.js";
import { type EqualTimeouts, Timeout } from "./equal-timeouts.js";
import type { BodySource } from "./exchange.js";
import type { BodyFraming } from "./request-head.js";

/**
 * Collects one request body into bytes of our own, copied once where its size is declared and its first piece is a quarter of
 * it. One that came in a single piece, as small ones do, lies in Node's pool where it fits: an ArrayBuffer of its own costs more than the copy.
 * Bounds: bytes per body, bytes of room for all bodies, and a lowest rate.
 */

export interface BodyLimits {
  readonly bodyBytesMax: number;
  readonly bodyTimeoutMs: number;
}

/** What all bodies of a server share. */
export interface BodyContext {
  readonly limits: BodyLimits;
  readonly budget: BodyBudget;
  /** Of `bodyTimeoutMs`. */
  readonly bodyTimeouts: EqualTimeouts;
}

/** Exactly one of the last two runs, once, unless the reader is abandoned first. */
export interface BodyReceiver {
  /**
   * The body is not all there with its first part: that is the moment to refuse it. Before the others, at most once. Gives the
   * flow whose share of the room it takes; null = it was refused.
   */
  begun(): string | null | Promise<string | null>;
  complete(body: Uint8Array): void;
  /**
   * PAYLOAD_TOO_LARGE, OVERLOADED or TIMEOUT, while the rest of the body is still on its way: the connection must be
   * closed.
   */
  failed(error: CodedError): void;
}

/**
 * Below this rate a body counts as stalled. The native library drops such connections without a reply some 8 to 12 s into
 * the body, so a shorter timeout of ours is what lets the client learn why.
 */
const BYTES_PER_SECOND_MIN = 16 * 1024;

/**
 * A declared size is believed as far as what arrived vouches for it, in multiples of that: a body of a few hundred KiB, whose
 * first piece is 64 KiB and more, is copied once, and a client that sends a byte holds no megabyte with it.
 */
const ROOM_PER_ARRIVED = 4;
const FIRST_ROOM_BYTES_MIN = 4 * 1024;

/** While it is being found out. */
const UNKNOWN_FLOW = "unknown";

const EMPTY = new Uint8Array(0);

export class BodyReader extends Timeout {
  private bytes: Uint8Array = EMPTY;
  /** Taken from the budget. Not the length of `bytes`, which a handler may move to a thread. */
  private heldBytes = 0;
  /** Of a body in pieces, from its first one until it is abandoned. */
  private room: FlowRoom | null = null;
  private lengthAtCheck = 0;
  private hasBegun = false;
  protected length = 0;
  protected isOver = false;

  constructor(
    source: BodySource,
    private readonly framing: BodyFraming,
    protected readonly context: BodyContext,
    protected readonly receiver: BodyReceiver,
  ) {
    super();
    context.bodyTimeouts.start(this);
    source.readBody(this);
  }

  /** Gives the held bytes back to the budget: call once the body is no longer used. Safe to repeat. */
  abandon(): void {
    this.stop();
    if (this.room === null) this.context.budget.release(this.heldBytes);
    else this.context.budget.leave(this.room, this.heldBytes);
    this.room = null;
    this.heldBytes = 0;
    this.length = 0;
    this.bytes = EMPTY;
  }

  receive(chunk: ArrayBuffer, isLast: boolean): void {
    if (!this.hasBegun && !isLast) this.begin();
    if (this.isOver) return;
    const end = this.length + chunk.byteLength;
    if (end > this.context.limits.bodyBytesMax) {
      this.fail(tooLarge(this.context.limits.bodyBytesMax));
      return;
    }
    if (end > this.heldBytes && !(this.room === null ? this.takeWhole(end) : this.grow(this.room, end, isLast))) {
      this.fail(new CodedError("OVERLOADED", "Too many request bytes are being processed"));
      return;
    }
    this.bytes.set(new Uint8Array(chunk), this.length);
    this.length = end;
    if (!isLast) return;
    this.stop();
    if (end < this.heldBytes && this.room !== null) this.shrink(this.room);
    this.receiver.complete(this.bytes);
  }

  private begin(): void {
    this.hasBegun = true;
    const flow = this.receiver.begun();
    if (flow === null) return;
    this.room = this.context.budget.enter(typeof flow === "string" ? flow : UNKNOWN_FLOW);
    if (flow instanceof Promise) void this.moveTo(flow);
  }

  private async moveTo(flow: Promise<string | null>): Promise<void> {
    const known = await flow;
    if (known !== null && this.room !== null) this.room = this.context.budget.move(this.room, known, this.heldBytes);
  }

  /** Room for a body in one piece. False, and nothing is changed, when the budget has none for it. */
  private takeWhole(bytes: number): boolean {
    if (!this.context.budget.take(bytes)) return false;
    this.heldBytes = bytes;
    this.bytes = Buffer.allocUnsafe(bytes);
    return true;
  }

  /** False, and nothing is changed, when the budget has no room for that many bytes. */
  private grow(room: FlowRoom, neededBytes: number, isLast: boolean): boolean {
    const bytes = isLast ? neededBytes : this.roomFor(neededBytes);
    if (!this.context.budget.takeShare(room, bytes - this.heldBytes)) return false;
    this.heldBytes = bytes;
    const next = new Uint8Array(bytes);
    next.set(this.bytes.subarray(0, this.length));
    this.bytes = next;
    return true;
  }

  /** For what arrived and some of what is still to come, never more than may come. */
  private roomFor(arrivedBytes: number): number {
    const { framing } = this;
    const bytesMax = framing.kind === "sized" ? framing.bytes : this.context.limits.bodyBytesMax;
    return Math.min(bytesMax, Math.max(FIRST_ROOM_BYTES_MIN, arrivedBytes * ROOM_PER_ARRIVED));
  }

  /** To what arrived. */
  private shrink(room: FlowRoom): void {
    this.bytes = this.bytes.slice(0, this.length);
    this.context.budget.releaseShare(room, this.heldBytes - this.length);
    this.heldBytes = this.length;
  }

  timedOut(): void {
    const { limits, bodyTimeouts } = this.context;
    const neededBytes = (BYTES_PER_SECOND_MIN * limits.bodyTimeoutMs) / 1000;
    if (this.length - this.lengthAtCheck >= neededBytes) {
      this.lengthAtCheck = this.length;
      bodyTimeouts.start(this);
    } else this.fail(new CodedError("TIMEOUT", "The request body did not arrive in time"));
  }

  protected fail(error: CodedError): void {
    this.stop();
    this.receiver.failed(error);
  }

  protected stop(): void {
    this.isOver = true;
    this.context.bodyTimeouts.stop(this);
  }
}

/** A body where none is expected: within the same bounds, and nothing of it is held. */
export class SkippedBody extends BodyReader {
  override receive(chunk: ArrayBuffer, isLast: boolean): void {
    if (this.isOver) return;
    this.length += chunk.byteLength;
    const { bodyBytesMax } = this.context.limits;
    if (this.length > bodyBytesMax) this.fail(tooLarge(bodyBytesMax));
    else if (isLast) {
      this.stop();
      this.receiver.complete(EMPTY);
    }
  }
}

export function tooLarge(bodyBytesMax: number): CodedError {
  return new CodedError("PAYLOAD_TOO_LARGE", `Request body exceeds ${bodyBytesMax} bytes`);
}
