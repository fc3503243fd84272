/** The text of a checkpoint (C2SP tlog-checkpoint): origin, size, root, then lines of others. Reading is total. */
import { assert } from "../base/assert.js";
import { decodeBase64, encodeBase64 } from "../base/base64.js";
import { isKeyName } from "./signed-note.js";
import type { TreeHead } from "./tlog-proof.js";
import { HASH_BYTES } from "./tlog-tree.js";

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
