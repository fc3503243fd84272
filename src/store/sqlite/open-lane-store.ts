import type { Uuid } from "../../base/ids.js";
import type { LaneStore, LogHead, ReceiptSigner } from "../contract.js";
import { openWriter } from "./connection.js";
import { refuseSecondFounding } from "./folder-checks.js";
import { SqliteLaneStore } from "./lane-store.js";
import { countEntries, lastSequencedAtMs, lastSigner, openLogIdentity } from "./log-identity.js";
import { type MigrateOptions, migrate } from "./migrate.js";
import { isSameSigner } from "./stored-sequencers.js";
import { type TakeOver, takeOverIfRefused } from "./take-over.js";
import { WriterPause } from "./writer-pause.js";

export interface OpenLaneStoreOptions {
  readonly folder: string;
  readonly migrationsFolder: string;
  readonly freshLogId: Uuid;
  readonly sequencer: ReceiptSigner;
  readonly rejectionsKeptMax: number;
  readonly nowMs: number;
  /** Entries whose places are merged together; left out = `GENERATION_PLACES`. */
  readonly generationPlaces?: number;
  /** How a log of an older version is brought up to date. */
  readonly upgrade?: MigrateOptions;
  /** Shared with the checkpointer, if there is one. */
  readonly writerPause?: SharedArrayBuffer;
  /** Set = a folder that may not sign checkpoints any more begins a new epoch. */
  readonly takeOver?: TakeOver;
}

/** Where a start finds the log. */
export interface FoundLog {
  readonly head: LogHead;
  /** How far the clock is behind the log's last entry, milliseconds; 0 = it is not. */
  readonly clockBehindMs: number;
  /** Who signed the log's last entry, if another signs from now on; null = the same, or there is none. */
  readonly formerSigner: ReceiptSigner | null;
}

export interface OpenedLaneStore extends FoundLog {
  readonly store: LaneStore;
}

/** Opens the write side: schema up to date, log founded or found, durability asserted. The folder's lock must be held. */
export function openLaneStore(options: OpenLaneStoreOptions): OpenedLaneStore {
  const db = openWriter(options.folder);
  refuseSecondFounding(db, options.folder);
  migrate(db, options.migrationsFolder, options.nowMs, options.upgrade);
  const found = openLogIdentity(db, options.freshLogId, options.nowMs);
  const identity = options.takeOver === undefined ? found : takeOverIfRefused(db, found, options.takeOver, options);
  const { sequencer, rejectionsKeptMax, generationPlaces, writerPause } = options;
  const pause = writerPause === undefined ? undefined : new WriterPause(writerPause);
  return {
    store: new SqliteLaneStore({ db, identity, sequencer, rejectionsKeptMax, generationPlaces, pause }),
    head: { ...identity, nextOffset: countEntries(db) },
    clockBehindMs: Math.max(0, lastSequencedAtMs(db) - options.nowMs),
    formerSigner: otherThan(sequencer, lastSigner(db)),
  };
}

function otherThan(signer: ReceiptSigner, last: ReceiptSigner | null): ReceiptSigner | null {
  return last !== null && isSameSigner(last, signer) ? null : last;
}
