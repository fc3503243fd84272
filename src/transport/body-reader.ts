import { CodedError } from "../base/errors.js";
import { type EqualTimeouts, Timeout } from "./equal-timeouts.js";
import type { BodySource } from "./exchange.js";
import type { BodyFraming } from "./request-head.js";

/**
 * Collects one request body into bytes of our own, copied once when a size of up to 1 MiB is declared. One that came in a
 * single piece, as small ones do, lies in Node's pool where it fits: an ArrayBuffer of its own costs more than the copy.
 * Bounds: bytes per body, bytes of all bodies being held, and a lowest rate.
 */

/** Bytes of request bodies held by the process: received, and not yet answered. */
export class BodyBudget {
  private heldBytes = 0;

  constructor(private readonly bytesMax: number) {}

  /** False when it would exceed the bound; then nothing was taken. */
  take(bytes: number): boolean {
    if (this.heldBytes + bytes > this.bytesMax) return false;
    this.heldBytes += bytes;
    return true;
  }

  release(bytes: number): void {
    this.heldBytes -= bytes;
  }
}

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

/** Exactly one of these runs, once, unless the reader is abandoned first. */
export interface BodyReceiver {
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

/** A larger declared size is not believed at once: room then doubles with what really arrives. */
const FIRST_ALLOCATION_BYTES_MAX = 1024 * 1024;
const FIRST_CHUNKED_ALLOCATION_BYTES = 64 * 1024;

const EMPTY = new Uint8Array(0);

export class BodyReader extends Timeout {
  private bytes: Uint8Array = EMPTY;
  private length = 0;
  private lengthAtCheck = 0;
  private isOver = false;

  constructor(
    source: BodySource,
    private readonly framing: BodyFraming,
    private readonly context: BodyContext,
    private readonly receiver: BodyReceiver,
  ) {
    super();
    context.bodyTimeouts.start(this);
    source.readBody(this);
  }

  /** Gives the held bytes back to the budget: call once the body is no longer used. Safe to repeat. */
  abandon(): void {
    this.stop();
    this.context.budget.release(this.length);
    this.length = 0;
    this.bytes = EMPTY;
  }

  receive(chunk: ArrayBuffer, isLast: boolean): void {
    if (this.isOver) return;
    const end = this.length + chunk.byteLength;
    const refusal = this.refusal(end);
    if (refusal !== null) {
      this.fail(refusal);
      return;
    }
    if (isLast && this.length === 0) this.bytes = Buffer.allocUnsafe(end);
    else if (end > this.bytes.byteLength) this.grow(end, isLast);
    this.bytes.set(new Uint8Array(chunk), this.length);
    this.length = end;
    if (!isLast) return;
    this.stop();
    this.receiver.complete(this.bytes.byteLength === end ? this.bytes : this.bytes.slice(0, end));
  }

  /** Takes the new bytes from the budget when there is none. */
  private refusal(end: number): CodedError | null {
    const { limits, budget } = this.context;
    if (end > limits.bodyBytesMax) return tooLarge(limits.bodyBytesMax);
    if (budget.take(end - this.length)) return null;
    return new CodedError("OVERLOADED", "Too many request bytes are being processed");
  }

  private grow(neededBytes: number, isLast: boolean): void {
    const { framing } = this;
    const bytesMax = framing.kind === "sized" ? framing.bytes : this.context.limits.bodyBytesMax;
    const firstBytes = framing.kind === "sized" ? FIRST_ALLOCATION_BYTES_MAX : FIRST_CHUNKED_ALLOCATION_BYTES;
    const roomyBytes = Math.min(bytesMax, Math.max(firstBytes, this.bytes.byteLength * 2));
    const next = new Uint8Array(isLast ? neededBytes : Math.max(neededBytes, roomyBytes));
    next.set(this.bytes.subarray(0, this.length));
    this.bytes = next;
  }

  timedOut(): void {
    const { limits, bodyTimeouts } = this.context;
    const neededBytes = (BYTES_PER_SECOND_MIN * limits.bodyTimeoutMs) / 1000;
    if (this.length - this.lengthAtCheck >= neededBytes) {
      this.lengthAtCheck = this.length;
      bodyTimeouts.start(this);
    } else this.fail(new CodedError("TIMEOUT", "The request body did not arrive in time"));
  }

  private fail(error: CodedError): void {
    this.stop();
    this.receiver.failed(error);
  }

  private stop(): void {
    this.isOver = true;
    this.context.bodyTimeouts.stop(this);
  }
}

export function tooLarge(bodyBytesMax: number): CodedError {
  return new CodedError("PAYLOAD_TOO_LARGE", `Request body exceeds ${bodyBytesMax} bytes`);
}
