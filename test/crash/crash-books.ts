/** What the clients of a service that keeps crashing know for certain, and the comparison with the log. */
import { strict as assert } from "node:assert";
import { Ledger } from "../support/load.js";
import { checkOrder } from "../support/log-check.js";
import { parseFrame, receiptTextOf } from "../support/subscriber.js";

export class CrashBooks {
  readonly ledger = new Ledger();
  /** Event ids as the SDK's subscriber got them, across all crashes. */
  readonly heard: string[] = [];
  /** Frames as a subscriber without any logic of its own got them: it asks for the offset after the last one. */
  readonly frames: string[] = [];
  /** Keys whose revocation was answered, and the head before which all their entries must lie. */
  readonly revoked = new Map<string, number>();
  readonly #log: string[] = [];

  get entries(): number {
    return this.#log.length;
  }

  /** Takes the log as it reads from `from` on. What was read before a crash must read the same after it. */
  takeLog(frames: readonly Buffer[], from: number): void {
    frames.forEach((frame, index) => {
      const known = this.#log[from + index];
      if (known === undefined) this.#log[from + index] = frame.toString("latin1");
      else assert.equal(frame.toString("latin1"), known, `entry ${from + index} changed: its number was used again`);
    });
    assert.ok(from + frames.length >= this.#log.length, `the log lost its tail at ${from + frames.length}`);
  }

  /** Every receipt in the log, every subscriber's entries without gap or duplicate, nothing after an answered revocation. */
  check(): void {
    const frames = this.#log.map((frame) => Buffer.from(frame, "latin1"));
    checkOrder(frames);
    const stored = new Map(frames.map((frame) => [parseFrame(frame).event.event_id as string, receiptTextOf(frame)]));
    for (const [eventId, text] of this.ledger.receipts)
      assert.equal(stored.get(eventId), text, `receipt of ${eventId}`);
    assert.equal(this.heard.length, frames.length, "the SDK's subscriber has the whole log");
    assert.equal(this.frames.length, frames.length, "the plain subscriber has the whole log");
    this.frames.forEach((frame, offset) => {
      assert.equal(frame, this.#log[offset], `the plain subscriber's entry ${offset}`);
    });
    this.heard.forEach((eventId, offset) => {
      assert.equal(eventId, parseFrame(frames[offset]!).event.event_id, `the SDK subscriber's entry ${offset}`);
    });
    for (const [agentId, head] of this.revoked) {
      const late = frames.findIndex((frame, at) => at >= head && parseFrame(frame).event.source_agent_id === agentId);
      assert.equal(late, -1, `agent ${agentId} was sequenced at ${late} after its revocation was answered at ${head}`);
    }
  }
}
