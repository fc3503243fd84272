/**
 * Holds a log to being append-only: remembers the last signed checkpoint and takes a newer one only with a proof that it
 * continues it. Trusts the checkpoint key and nothing else. Keeps nothing by itself: `position` goes into any storage, and the
 * next audit goes on from it. The error's code names what an answer is guilty of.
 */
import { bytesEqual, fromHex, toHex } from "../base/bytes.js";
import { type Ed25519, nobleEd25519 } from "../protocol/ed25519.js";
import { readHash } from "../protocol/hash.js";
import { type NoteKey, parseNoteKey } from "../protocol/signed-note.js";
import { type Checkpoint, readCheckpoint } from "../protocol/tlog-checkpoint.js";
import { LEAF_RECORD_BYTES, leafRecordOfFrame } from "../protocol/tlog-leaf.js";
import { verifyConsistency, verifyInclusion } from "../protocol/tlog-proof.js";
import { leafHash } from "../protocol/tlog-tree.js";
import { integerAt, listAt, objectOf, textAt } from "./answers.js";
import type { JsonObject } from "./json-object.js";
import { SequencerError, type SequencerErrorCode } from "./sequencer-error.js";

/** Asks the service: GET, JSON. */
export interface AuditLink {
  readonly ed25519?: Ed25519;
  ask(path: string, query: Readonly<Record<string, string | number>>): Promise<unknown>;
}

export interface LogAuditOptions {
  /** The checkpoint key, `name+id+base64`, from the operator and not from the service that is audited. */
  readonly key: string;
  /** The last checkpoint's note, as an earlier audit kept it; absent or null = the first one seen is trusted. */
  readonly position?: string | null | undefined;
}

/** An entry that was shown to be in the log, at its offset, as of a checkpoint. */
export interface LoggedEntry {
  readonly offset: number;
  readonly checkpoint: Checkpoint;
}

export class LogAudit {
  readonly #key: NoteKey;
  readonly #link: AuditLink;
  #note: string | null = null;
  #checkpoint: Checkpoint | null = null;
  /** The last call that may move the position; it never rejects. */
  #lastTurn: Promise<unknown> = Promise.resolve();

  /** Throws `TypeError` for a key that is none, CHECKPOINT_INVALID and LOG_MISMATCH for a position as for an answer. */
  constructor({ key, position = null }: LogAuditOptions, link: AuditLink) {
    const noteKey = parseNoteKey(key);
    if (noteKey === null) throw new TypeError("key is not a checkpoint key");
    this.#key = noteKey;
    this.#link = link;
    if (position === null) return;
    this.#checkpoint = openCheckpoint(position, noteKey, link.ed25519);
    this.#note = position;
  }

  /** The last checkpoint's note, to be kept; null before the first. */
  get position(): string | null {
    return this.#note;
  }

  get checkpoint(): Checkpoint | null {
    return this.#checkpoint;
  }

  /**
   * Takes the newest checkpoint. Throws LOG_MISMATCH when it is of another log than the key, as after a restore or a
   * take-over (ask the operator for the key), CHECKPOINT_INVALID when the key has not signed it, LOG_SHRUNK when it has
   * fewer entries than one seen before, LOG_FORKED when it does not continue that one. Nothing is taken then. Calls at the
   * same time take turns: each checkpoint is held against the one before it, in the order they were asked for.
   */
  advance(): Promise<Checkpoint> {
    return this.#inTurn(() => this.#takeNewest());
  }

  async #takeNewest(): Promise<Checkpoint> {
    const note = textAt(objectOf(await this.#link.ask("/api/v1/log/checkpoint", {})), "checkpoint");
    const newest = openCheckpoint(note, this.#key, this.#link.ed25519);
    const known = this.#checkpoint;
    if (known !== null) await this.#expectContinuation(known, newest);
    this.#checkpoint = newest;
    this.#note = note;
    return newest;
  }

  /**
   * Shows that an entry is in the log at its offset. `frame`: the entry's text exactly as `/subscribe`, `/api/v1/log` or
   * `/api/v1/ves/events/{event_id}` sent it; verify its receipt apart. Advances when the checkpoint does not reach it yet.
   * Throws PROOF_INVALID, and as `advance` does; RESOURCE_NOT_FOUND while no checkpoint covers it.
   */
  async verifyLogged(frame: string): Promise<LoggedEntry> {
    const record = leafRecordOfFrame(frame);
    if (record === null) throw refused("PROOF_INVALID", "the text is no entry of a log");
    const { offset } = JSON.parse(frame) as { offset: number };
    const checkpoint =
      this.#covering(offset) ?? (await this.#inTurn(() => this.#covering(offset) ?? this.#takeNewest()));
    const query = { offset, size: checkpoint.size };
    const answer = objectOf(await this.#link.ask("/api/v1/log/inclusion", query));
    const leaf = fromHex(textAt(answer, "leaf"), LEAF_RECORD_BYTES);
    if (leaf === null || !bytesEqual(leaf, record)) {
      throw refused("PROOF_INVALID", `the log holds another entry at offset ${offset}`);
    }
    if (verifyInclusion(leafHash(record), offset, proofOf(answer), checkpoint)) return { offset, checkpoint };
    throw refused("PROOF_INVALID", `the proof of entry ${offset} does not lead to the checkpoint's root`);
  }

  #covering(offset: number): Checkpoint | null {
    const known = this.#checkpoint;
    return known !== null && known.size > offset ? known : null;
  }

  #inTurn(work: () => Checkpoint | Promise<Checkpoint>): Promise<Checkpoint> {
    const turn = this.#lastTurn.then(work);
    this.#lastTurn = turn.catch(() => {});
    return turn;
  }

  async #expectContinuation(known: Checkpoint, newest: Checkpoint): Promise<void> {
    if (newest.size < known.size) {
      throw refused("LOG_SHRUNK", `the log had ${known.size} entries, its newest checkpoint has ${newest.size}`);
    }
    const proof = newest.size === known.size || known.size === 0 ? [] : await this.#consistency(known, newest);
    if (verifyConsistency(known, newest, proof)) return;
    const roots = `root ${toHex(newest.root)} of ${newest.size} entries, root ${toHex(known.root)} of ${known.size}`;
    throw refused("LOG_FORKED", `the log has rewritten its past: ${roots}`);
  }

  async #consistency({ size: from }: Checkpoint, { size: to }: Checkpoint): Promise<Uint8Array[]> {
    const answer = objectOf(await this.#link.ask("/api/v1/log/consistency", { from, to }));
    integerAt(answer, "from");
    return proofOf(answer);
  }
}

/** Throws LOG_MISMATCH for a checkpoint of another log, CHECKPOINT_INVALID for what the key has not signed. */
function openCheckpoint(note: string, key: NoteKey, ed25519: Ed25519 = nobleEd25519): Checkpoint {
  const opened = readCheckpoint(note, key, ed25519);
  if ("checkpoint" in opened) return opened.checkpoint;
  const { fault, isOfOtherLog } = opened;
  throw refused(isOfOtherLog ? "LOG_MISMATCH" : "CHECKPOINT_INVALID", `the checkpoint: ${fault}`);
}

function proofOf(answer: JsonObject): Uint8Array[] {
  const hashes = listAt(answer, "proof").map(readHash);
  if (hashes.every((hash) => hash !== null)) return hashes as Uint8Array[];
  throw refused("PROOF_INVALID", "the proof holds something else than hashes");
}

function refused(code: SequencerErrorCode, message: string): SequencerError {
  return new SequencerError({ code, message });
}
