/**
 * Holds a log to being append-only: remembers the last signed checkpoint and takes a newer one only with a proof that it
 * continues it. Trusts the checkpoint key and nothing else. Page-independent: `position` goes into any storage, and the next
 * audit goes on from it. The error's code names what an answer is guilty of.
 */
import { bytesEqual, fromHex, toHex } from "../base/bytes.js";
import { type Ed25519, nobleEd25519 } from "../protocol/ed25519.js";
import { readHash } from "../protocol/merkle.js";
import { type NoteKey, parseNote, parseNoteKey, verifyNote } from "../protocol/signed-note.js";
import { type Checkpoint, parseCheckpointText } from "../protocol/tlog-checkpoint.js";
import { LEAF_RECORD_BYTES, leafRecordOfFrame } from "../protocol/tlog-leaf.js";
import { verifyConsistency, verifyInclusion } from "../protocol/tlog-proof.js";
import { leafHash } from "../protocol/tlog-tree.js";
import { integerAt, type JsonObject, listAt, objectOf, textAt } from "./answers.js";
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

  /** Throws `TypeError` for a key that is none, CHECKPOINT_INVALID for a position that this key has not signed. */
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
   * Takes the newest checkpoint. Throws CHECKPOINT_INVALID when the key has not signed it, LOG_SHRUNK when it has fewer
   * entries than one seen before, LOG_FORKED when it does not continue that one. Nothing is taken then.
   */
  async advance(): Promise<Checkpoint> {
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
    const known = this.#checkpoint;
    const checkpoint = known !== null && known.size > offset ? known : await this.advance();
    const query = { offset, size: checkpoint.size };
    const answer = objectOf(await this.#link.ask("/api/v1/log/inclusion", query));
    const leaf = fromHex(textAt(answer, "leaf"), LEAF_RECORD_BYTES);
    if (leaf === null || !bytesEqual(leaf, record)) {
      throw refused("PROOF_INVALID", `the log holds another entry at offset ${offset}`);
    }
    if (verifyInclusion(leafHash(record), offset, hashesAt(answer, "proof"), checkpoint)) return { offset, checkpoint };
    throw refused("PROOF_INVALID", `the proof of entry ${offset} does not lead to the checkpoint's root`);
  }

  async #expectContinuation(known: Checkpoint, newest: Checkpoint): Promise<void> {
    if (newest.origin !== known.origin) {
      throw refused("LOG_MISMATCH", `the log is now ${newest.origin}, it was ${known.origin}`);
    }
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
    return hashesAt(answer, "proof");
  }
}

/** Throws CHECKPOINT_INVALID for a note that is no checkpoint of the log that this key signs. */
function openCheckpoint(text: string, key: NoteKey, ed25519: Ed25519 = nobleEd25519): Checkpoint {
  const note = parseNote(text);
  const checkpoint = note === null ? null : parseCheckpointText(note.text);
  if (note === null || checkpoint === null) throw refused("CHECKPOINT_INVALID", "the answer is no checkpoint");
  if (verifyNote(note, [key], ed25519) === null) {
    throw refused("CHECKPOINT_INVALID", `the checkpoint is not signed by ${key.name}`);
  }
  if (checkpoint.origin !== key.name) {
    throw refused("CHECKPOINT_INVALID", `the checkpoint is of ${checkpoint.origin}, the key of ${key.name}`);
  }
  return checkpoint;
}

function hashesAt(answer: JsonObject, name: string): Uint8Array[] {
  const hashes = listAt(answer, name).map(readHash);
  if (hashes.every((hash) => hash !== null)) return hashes as Uint8Array[];
  throw refused("PROOF_INVALID", "the proof holds something else than hashes");
}

function refused(code: SequencerErrorCode, message: string): SequencerError {
  return new SequencerError({ code, message });
}
