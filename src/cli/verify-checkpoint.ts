/**
 * `stateset-sequencer verify-checkpoint`: check a checkpoint of the whole log, that it continues an older one, and that an
 * entry is in it, with nothing but the checkpoint key.
 */
import { bytesEqual, fromHex, toHex } from "../base/bytes.js";
import { listAt, objectOf, textAt } from "../client/answers.js";
import { SequencerError } from "../client/sequencer-error.js";
import { readHash } from "../protocol/hash.js";
import { type NoteKey, parseNote, verifyNote } from "../protocol/signed-note.js";
import { type Checkpoint, parseCheckpointText } from "../protocol/tlog-checkpoint.js";
import { LEAF_RECORD_BYTES, leafRecordOfFrame } from "../protocol/tlog-leaf.js";
import { verifyConsistency, verifyInclusion } from "../protocol/tlog-proof.js";
import { leafHash } from "../protocol/tlog-tree.js";
import { selectEd25519 } from "../verify/ed25519-native.js";
import { CommandArgs } from "./command-args.js";
import { Checklist, unless } from "./offline/checklist.js";
import { noteKeyOf, noteOf } from "./offline/checkpoint-note.js";
import { DOCUMENT_FLAGS, DOCUMENT_USAGE, Documents } from "./offline/documents.js";

const USAGE = `Usage: stateset-sequencer verify-checkpoint CHECKPOINT --log-key KEY [options]

CHECKPOINT is a file or http(s) URL: what GET /tlog/checkpoint answered (a signed note), or GET /api/v1/log/checkpoint. Checks
that the log signed it.

  --log-key KEY       The log's checkpoint key, name+id+base64, pinned
  --older CHECKPOINT  A checkpoint seen before: that this one continues it
  --consistency FILE  What GET /api/v1/log/consistency?from&to answered for their sizes; needed unless the sizes are equal
  --entry FILE        One entry, exactly the text that GET /api/v1/ves/events/{event_id} or a subscription sent
  --inclusion FILE    What GET /api/v1/log/inclusion?offset&size answered for it and this checkpoint's size
${DOCUMENT_USAGE}`;

/** Resolves to the exit code. Throws UsageError for bad usage and unreadable input. */
export async function verifyCheckpointCommand(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<number> {
  const text = { type: "string" } as const;
  const flags = { "log-key": text, older: text, consistency: text, entry: text, inclusion: text, ...DOCUMENT_FLAGS };
  const args = new CommandArgs("verify-checkpoint", argv, flags);
  if (args.has("help")) {
    console.log(USAGE);
    return 0;
  }
  const [place] = args.expect("CHECKPOINT");
  const key = readKey(args);
  const documents = new Documents(args, env);
  const list = new Checklist();
  const newest = checkNote(list, "checkpoint", await documents.text(place!, true), key);
  if (newest !== null) {
    await checkContinuation(list, args, documents, newest, key);
    await checkEntry(list, args, documents, newest);
  }
  list.note("a checkpoint says nothing of what entries hold: verify-receipt does");
  const subject = newest === null ? place! : `${newest.origin}, ${newest.size} entries, root ${toHex(newest.root)}`;
  return list.conclude(`checkpoint of ${subject}`, args.has("json"));
}

function readKey(args: CommandArgs): NoteKey {
  const key = noteKeyOf(args);
  if (key === null) throw args.refuse("--log-key is missing");
  if (args.text("consistency") !== undefined && args.text("older") === undefined) {
    throw args.refuse("--consistency needs --older");
  }
  if ((args.text("entry") === undefined) !== (args.text("inclusion") === undefined)) {
    throw args.refuse("--entry and --inclusion go together");
  }
  return key;
}

/** A signed note of this log, or null with the fault on the list. */
function checkNote(list: Checklist, name: string, text: string, key: NoteKey): Checkpoint | null {
  const note = parseNote(noteOf(text));
  const checkpoint = note === null ? null : parseCheckpointText(note.text);
  if (!list.add(`${name} form`, unless(checkpoint !== null, "it is no checkpoint"))) return null;
  const isSigned = verifyNote(note!, [key], selectEd25519()) !== null;
  list.add(`${name} signature`, unless(isSigned, `it is not by ${key.name}`));
  const { origin } = checkpoint!;
  list.add(`${name} origin`, unless(origin === key.name, `it is of ${origin}`));
  return checkpoint;
}

async function checkContinuation(
  list: Checklist,
  args: CommandArgs,
  documents: Documents,
  newest: Checkpoint,
  key: NoteKey,
): Promise<void> {
  const place = args.text("older");
  if (place === undefined) return;
  const older = checkNote(list, "older checkpoint", await documents.text(place, true), key);
  if (older === null) return;
  const shrunk = `it has ${newest.size} entries, the older one ${older.size}`;
  if (!list.add("growth", unless(newest.size >= older.size, shrunk))) return;
  const proofPlace = args.text("consistency");
  const proof = proofPlace === undefined ? [] : await documents.read(proofPlace, readProof, true);
  const isContinued = verifyConsistency(older, newest, proof);
  const fault = proofPlace === undefined ? "the roots differ and there is no --consistency" : "the proof does not hold";
  list.add("consistency", unless(isContinued, fault));
}

async function checkEntry(list: Checklist, args: CommandArgs, documents: Documents, newest: Checkpoint): Promise<void> {
  const [entryPlace, proofPlace] = [args.text("entry"), args.text("inclusion")];
  if (entryPlace === undefined || proofPlace === undefined) return;
  const frame = (await documents.text(entryPlace)).trim();
  const record = leafRecordOfFrame(frame);
  if (!list.add("entry form", unless(record !== null, "the text is no entry of a log"))) return;
  const { offset } = JSON.parse(frame) as { offset: number };
  const { leaf, proof } = await documents.read(proofPlace, readInclusion, true);
  list.add("leaf", unless(bytesEqual(leaf, record!), `the log holds another entry at offset ${offset}`));
  const isIncluded = verifyInclusion(leafHash(record!), offset, proof, newest);
  list.add("inclusion", unless(isIncluded, `the proof does not lead from entry ${offset} to the checkpoint's root`));
}

/** Throws SequencerError, as `Documents.read` expects. */
function readProof(value: unknown): Uint8Array[] {
  const hashes = listAt(objectOf(value), "proof").map(readHash);
  if (hashes.every((hash) => hash !== null)) return hashes as Uint8Array[];
  throw new SequencerError({ code: "INVALID_RESPONSE", message: "proof must be hashes of 32 bytes in hex" });
}

function readInclusion(value: unknown): { readonly leaf: Uint8Array; readonly proof: Uint8Array[] } {
  const leaf = fromHex(textAt(objectOf(value), "leaf"), LEAF_RECORD_BYTES);
  if (leaf !== null) return { leaf, proof: readProof(value) };
  throw new SequencerError({ code: "INVALID_RESPONSE", message: "leaf must be a record in hex" });
}
