/** The text of a checkpoint (C2SP tlog-checkpoint): origin, size, root, then lines of others. Reading is total. */
import { assert } from "../base/assert.js";
import { decodeBase64, encodeBase64 } from "../base/base64.js";
import type { Ed25519 } from "./ed25519.js";
import { HASH_BYTES } from "./hash.js";
import { isKeyName, type NoteKey, parseNote, verifyNote } from "./signed-note.js";
import type { TreeHead } from "./tlog-proof.js";

export interface Checkpoint extends TreeHead {
  /** Names the log; one origin never has two histories. */
  readonly origin: string;
}

/** One log in one epoch: what a restored log signs can never contradict what it signed before. */
export function checkpointOrigin(prefix: string, log: { readonly logId: string; readonly epoch: number }): string {
  return `${prefix}/${log.logId}/${log.epoch}`;
}

const SIZE = /^(?:0|[1-9][0-9]{0,15})$/;

/** The note text. The origin is also the signing key's name, so it must be able to be one. */
export function checkpointText({ origin, size, root }: Checkpoint): string {
  assert(isKeyName(origin) && Number.isSafeInteger(size) && size >= 0 && root.length === HASH_BYTES, "bad checkpoint");
  return `${origin}\n${size}\n${encodeBase64(root)}\n`;
}

/** Null for anything else. Extension lines are read over: nobody can audit them. */
export function parseCheckpointText(text: string): Checkpoint | null {
  if (!text.endsWith("\n")) return null;
  const lines = text.slice(0, -1).split("\n");
  const [origin, size, encoded] = lines;
  if (!origin || size === undefined || encoded === undefined || lines.includes("")) return null;
  const root = decodeBase64(encoded);
  if (!SIZE.test(size) || !Number.isSafeInteger(Number(size)) || root?.length !== HASH_BYTES) return null;
  return { origin, size: Number(size), root };
}

/** Why a note is no checkpoint of the log that a key signs. */
export interface CheckpointFault {
  readonly fault: string;
  /** It names another log, as the same one does after a restore: nobody has forged anything by that. */
  readonly isOfOtherLog: boolean;
}

/** The checkpoint of a signed note, or why it is none of the log that this key signs. Never throws. */
export function readCheckpoint(
  note: string,
  key: NoteKey,
  ed25519: Ed25519,
): { readonly checkpoint: Checkpoint } | CheckpointFault {
  const parsed = parseNote(note);
  const checkpoint = parsed === null ? null : parseCheckpointText(parsed.text);
  if (parsed === null || checkpoint === null) return { fault: "it is no checkpoint", isOfOtherLog: false };
  // Before the signature, which then is by a key of another name.
  if (checkpoint.origin !== key.name) {
    return { fault: `it is of ${checkpoint.origin}, the key of ${key.name}`, isOfOtherLog: true };
  }
  if (verifyNote(parsed, [key], ed25519) === null) {
    return { fault: `it is not signed by ${key.name}`, isOfOtherLog: false };
  }
  return { checkpoint };
}
