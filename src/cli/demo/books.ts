/**
 * The demo's own books: what was sent, which receipts came back, what the live tail showed. `audit` compares them with the
 * log as it can be read afterwards, and says everything that is wrong.
 */
import type { LogEntry } from "../../client/answers.js";
import type { Receipt } from "../../protocol/receipt.js";

export interface Audit {
  readonly entries: number;
  readonly receipts: number;
  readonly streams: number;
  /** Empty = everything acknowledged is in the log, once, in order, unchanged. */
  readonly faults: readonly string[];
}

/** Faults listed one by one; more are only counted. */
const FAULTS_SHOWN_MAX = 10;

export class Books {
  readonly #receipts = new Map<string, string>();
  readonly #seen: LogEntry[] = [];

  /** A receipt in hand. A second one for the same event must be the same bytes. */
  receive(receipt: Receipt): void {
    const text = JSON.stringify(receipt);
    const earlier = this.#receipts.get(receipt.eventId);
    if (earlier !== undefined && earlier !== text)
      throw new Error(`two different receipts for event ${receipt.eventId}`);
    this.#receipts.set(receipt.eventId, text);
  }

  /** An entry of the live tail, in the order it came. */
  see(entry: LogEntry): void {
    this.#seen.push(entry);
  }

  get receipts(): number {
    return this.#receipts.size;
  }

  get seen(): number {
    return this.#seen.length;
  }

  /** `log` is the whole log, read after the fact; `isGenuine` checks a receipt's signature. */
  audit(log: readonly LogEntry[], isGenuine: (entry: LogEntry) => boolean): Audit {
    const faults: string[] = [];
    const heads = new Map<string, number>();
    log.forEach((entry, index) => {
      const stream = `${entry.tenant_id}/${entry.store_id}`;
      const expected = (heads.get(stream) ?? 0) + 1;
      heads.set(stream, entry.sequence_number);
      if (entry.offset !== index) faults.push(`offset ${entry.offset} stands at place ${index}`);
      if (entry.sequence_number !== expected)
        faults.push(`offset ${index}: number ${entry.sequence_number}, not ${expected}`);
      if (!isGenuine(entry)) faults.push(`offset ${index}: the receipt does not verify`);
      const kept = this.#receipts.get(entry.event.event_id);
      if (kept !== undefined && kept !== JSON.stringify(entry.receipt)) faults.push(`offset ${index}: another receipt`);
      if (JSON.stringify(this.#seen[index]) !== JSON.stringify(entry))
        faults.push(`offset ${index}: the live tail differs`);
    });
    const stored = new Set(log.map((entry) => entry.event.event_id as string));
    for (const eventId of this.#receipts.keys())
      if (!stored.has(eventId)) faults.push(`event ${eventId}: receipt, but no entry`);
    if (this.#seen.length !== log.length)
      faults.push(`the live tail showed ${this.#seen.length} of ${log.length} entries`);
    const shown = faults.slice(0, FAULTS_SHOWN_MAX);
    if (faults.length > shown.length) shown.push(`… and ${faults.length - shown.length} more`);
    return { entries: log.length, receipts: this.#receipts.size, streams: heads.size, faults: shown };
  }
}
