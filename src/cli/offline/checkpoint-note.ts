/** A checkpoint in either form the service gives it, the signed note or the JSON of `GET /api/v1/log/checkpoint`, and its key. */
import { objectOf, textAt } from "../../client/answers.js";
import { SequencerError } from "../../client/sequencer-error.js";
import { type NoteKey, parseNoteKey } from "../../protocol/signed-note.js";
import type { CommandArgs } from "../command-args.js";
import { DocumentError, parseDocument } from "./parse-document.js";

/** The note. Empty when JSON does not hold one. */
export function noteOf(text: string): string {
  if (!text.trimStart().startsWith("{")) return text;
  try {
    return textAt(objectOf(parseDocument(text)), "checkpoint");
  } catch (error) {
    if (error instanceof SequencerError || error instanceof DocumentError) return "";
    throw error;
  }
}

/** `--log-key`, null when it is not given. Throws UsageError for one that is none. */
export function noteKeyOf(args: CommandArgs): NoteKey | null {
  const text = args.text("log-key");
  if (text === undefined) return null;
  const key = parseNoteKey(text);
  if (key === null) throw args.refuse("--log-key is no checkpoint key");
  return key;
}
