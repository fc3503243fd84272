/** What left the process, and when: receipts on any socket, in answers, subscriptions and pages alike, and the test's marks. */
import type { Uuid } from "../../src/base/ids.js";
import { type Checkpoint, parseCheckpointText } from "../../src/protocol/tlog-checkpoint.js";
import type { IoRecord } from "./recorder.js";

/** What a test knows after an answer, in `Recorder.mark`. */
export type Fact =
  /** The log's head as it was read after an answer without receipts. */
  | { readonly kind: "head"; readonly entries: number }
  | { readonly kind: "revoked"; readonly agentId: Uuid; readonly revokedAt: string }
  | { readonly kind: "committed"; readonly batchId: Uuid }
  | { readonly kind: "checkpoint"; readonly note: string }
  | { readonly kind: "backup"; readonly file: string; readonly entries: number };

export interface ToldReceipt {
  readonly sequence: number;
  readonly eventId: string;
  readonly text: string;
}

/** Receipts hold no nested objects. */
const RECEIPT = /\{"sequencerId":[^{}]*"eventId":"([0-9a-f-]{36})"[^{}]*\}/g;
/** The longest beginning of a receipt that the next send may complete. */
const CARRIED_MAX = 1_000;

export class Told {
  readonly receipts: ToldReceipt[] = [];
  readonly facts: { readonly sequence: number; readonly fact: Fact }[] = [];

  constructor(records: readonly IoRecord[]) {
    const carried = new Map<number, string>();
    records.forEach(({ kind, file, bytes }, sequence) => {
      if (kind === "M") this.facts.push({ sequence, fact: JSON.parse(bytes.toString()) });
      if (kind !== "A") return;
      const text = (carried.get(file) ?? "") + bytes.toString("latin1");
      let end = 0;
      for (const match of text.matchAll(RECEIPT)) {
        this.receipts.push({ sequence, eventId: match[1]!, text: match[0] });
        end = match.index + match[0].length;
      }
      carried.set(file, text.slice(Math.max(end, text.length - CARRIED_MAX)));
    });
  }

  /** Facts of one kind that were known outside before the cut. */
  before<K extends Fact["kind"]>(cutAt: number, kind: K): Extract<Fact, { kind: K }>[] {
    return this.facts.flatMap(({ sequence, fact }) =>
      sequence < cutAt && fact.kind === kind ? [fact as Extract<Fact, { kind: K }>] : [],
    );
  }
}

/** The head that a checkpoint's signature stands for. */
export function headOf(note: string): Checkpoint {
  return parseCheckpointText(note.slice(0, note.indexOf("\n\n") + 1))!;
}
