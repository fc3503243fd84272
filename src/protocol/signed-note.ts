/**
 * Signed notes (C2SP signed-note) with Ed25519 signatures and timestamped Ed25519 cosignatures (C2SP tlog-cosignature).
 * Writing asserts, reading is strict and total: anything that is not exactly a note is null. Bounds: `NOTE_LENGTH_MAX`
 * characters, `NOTE_SIGNATURES_MAX` signatures.
 */
import { assert } from "../base/assert.js";
import { decodeBase64, encodeBase64 } from "../base/base64.js";
import { toHex, utf8 } from "../base/bytes.js";
import { type Ed25519, nobleEd25519, PUBLIC_KEY_BYTES, SIGNATURE_BYTES } from "./ed25519.js";
import { sha256 } from "./sha256.js";

/** Signature types, as the key id and the text form of a key name them. */
export const NOTE_ED25519 = 0x01;
export const NOTE_COSIGNATURE = 0x04;
export type NoteKeyType = typeof NOTE_ED25519 | typeof NOTE_COSIGNATURE;

/** A key that signatures are checked against. */
export interface NoteKey {
  readonly name: string;
  readonly type: NoteKeyType;
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
}

export interface NoteSignature {
  readonly name: string;
  /** 8 hex digits. */
  readonly keyId: string;
  /** What follows the key id: 64 bytes of Ed25519; a cosignature has 8 bytes of time in front. */
  readonly signature: Uint8Array;
}

export interface Note {
  /** What is signed; ends with a newline. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

const NOTE_LENGTH_MAX = 64 * 1024;
const NOTE_SIGNATURES_MAX = 64;

const KEY_ID_BYTES = 4;
const TIME_BYTES = 8;
const KEY_NAME = /^[^\s+\p{Cc}\p{Cs}\p{Z}]+$/u;
// biome-ignore lint/suspicious/noControlCharactersInRegex: a note may hold no control character but the newline
const FORBIDDEN = /[\u0000-\u0009\u000b-\u001f]|\p{Cs}/u;
const SIGNATURE_LINE = /^\u2014 (\S+) (\S+)$/u;
const KEY_TEXT = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/u;

export function isKeyName(name: string): boolean {
  return KEY_NAME.test(name);
}

/** The 4 bytes that name a key in its signatures, as 8 hex digits. */
export function noteKeyId({ name, type, publicKey }: NoteKey): string {
  const label = utf8(`${name}\n`);
  const preimage = new Uint8Array(label.length + 1 + publicKey.length);
  preimage.set(label);
  preimage[label.length] = type;
  preimage.set(publicKey, label.length + 1);
  return toHex(sha256(preimage).subarray(0, KEY_ID_BYTES));
}

/** The key as auditors are given it: `name+id+base64(type || public key)`. */
export function encodeNoteKey(key: NoteKey): string {
  assert(isKeyName(key.name) && key.publicKey.length === PUBLIC_KEY_BYTES, "not a note key");
  const material = new Uint8Array(1 + PUBLIC_KEY_BYTES);
  material[0] = key.type;
  material.set(key.publicKey, 1);
  return `${key.name}+${noteKeyId(key)}+${encodeBase64(material)}`;
}

/** Null for other types, a wrong id, or anything that is not a key's text. */
export function parseNoteKey(text: string): NoteKey | null {
  const [, name, id, encoded] = KEY_TEXT.exec(text) ?? [];
  if (name === undefined || id === undefined || encoded === undefined || !isKeyName(name)) return null;
  const material = decodeBase64(encoded);
  if (material === null || material.length !== 1 + PUBLIC_KEY_BYTES) return null;
  const type = material[0];
  if (type !== NOTE_ED25519 && type !== NOTE_COSIGNATURE) return null;
  const key: NoteKey = { name, type, publicKey: material.slice(1) };
  return noteKeyId(key) === id ? key : null;
}

/** The note with one Ed25519 signature. `text` must end with a newline and hold no other control character. */
export function signNote(
  text: string,
  name: string,
  seed: Uint8Array,
  ed25519: Pick<Ed25519, "sign" | "publicKey"> = nobleEd25519,
): string {
  assert(isNoteText(text) && isKeyName(name), "text or key name that no note can carry");
  const key: NoteKey = { name, type: NOTE_ED25519, publicKey: ed25519.publicKey(seed) };
  return `${text}\n${signatureLine({ name, keyId: noteKeyId(key), signature: ed25519.sign(utf8(text), seed) })}`;
}

/** One line as it stands in a note, newline included. */
export function signatureLine({ name, keyId, signature }: NoteSignature): string {
  const bytes = new Uint8Array(KEY_ID_BYTES + signature.length);
  for (let i = 0; i < KEY_ID_BYTES; i++) bytes[i] = Number.parseInt(keyId.slice(i * 2, i * 2 + 2), 16);
  bytes.set(signature, KEY_ID_BYTES);
  return `\u2014 ${name} ${encodeBase64(bytes)}\n`;
}

export function parseNote(note: string): Note | null {
  if (note.length > NOTE_LENGTH_MAX || FORBIDDEN.test(note)) return null;
  const end = note.lastIndexOf("\n\n");
  if (end < 0) return null;
  const signatures = parseSignatureLines(note.slice(end + 2));
  return signatures === null ? null : { text: note.slice(0, end + 1), signatures };
}

/** Whole signature lines, one or more: the end of a note, or a witness's answer. */
export function parseSignatureLines(lines: string): NoteSignature[] | null {
  if (!lines.endsWith("\n") || lines.length > NOTE_LENGTH_MAX) return null;
  const rows = lines.slice(0, -1).split("\n");
  if (rows.length > NOTE_SIGNATURES_MAX) return null;
  const signatures: NoteSignature[] = [];
  for (const row of rows) {
    const [, name, encoded] = SIGNATURE_LINE.exec(row) ?? [];
    if (name === undefined || encoded === undefined || !isKeyName(name)) return null;
    const bytes = decodeBase64(encoded);
    if (bytes === null || bytes.length <= KEY_ID_BYTES) return null;
    signatures.push({ name, keyId: toHex(bytes.subarray(0, KEY_ID_BYTES)), signature: bytes.slice(KEY_ID_BYTES) });
  }
  return signatures;
}

/** The keys that signed, or null when none did or a known key's signature is wrong. Unknown signatures are passed over. */
export function verifyNote(note: Note, keys: readonly NoteKey[], ed25519: Ed25519 = nobleEd25519): NoteKey[] | null {
  const signers: NoteKey[] = [];
  for (const signature of note.signatures) {
    const key = keys.find((candidate) => candidate.name === signature.name && noteKeyId(candidate) === signature.keyId);
    if (key === undefined) continue;
    if (!verifySignature(note.text, signature.signature, key, ed25519)) return null;
    if (!signers.includes(key)) signers.push(key);
  }
  return signers.length === 0 ? null : signers;
}

/** What a cosigner signs: it saw this checkpoint, consistent with all before, at this time (Unix seconds). */
export function cosignedMessage(text: string, timeSeconds: bigint): Uint8Array {
  return utf8(`cosignature/v1\ntime ${timeSeconds}\n${text}`);
}

function verifySignature(text: string, signature: Uint8Array, key: NoteKey, ed25519: Ed25519): boolean {
  if (key.type === NOTE_ED25519) return ed25519.verify(signature, utf8(text), key.publicKey);
  if (signature.length !== TIME_BYTES + SIGNATURE_BYTES) return false;
  const time = new DataView(signature.buffer, signature.byteOffset).getBigInt64(0);
  if (time <= 0n) return false;
  return ed25519.verify(signature.subarray(TIME_BYTES), cosignedMessage(text, time), key.publicKey);
}

function isNoteText(text: string): boolean {
  return text.endsWith("\n") && text.length > 1 && !FORBIDDEN.test(text);
}
