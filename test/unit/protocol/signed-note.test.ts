/** C2SP signed-note and tlog-cosignature. */
import { describe, expect, it } from "vitest";
import { encodeBase64 } from "../../../src/base/base64.js";
import { nobleEd25519 } from "../../../src/protocol/ed25519.js";
import {
  cosignedMessage,
  encodeNoteKey,
  NOTE_COSIGNATURE,
  NOTE_ED25519,
  type NoteKey,
  noteKeyId,
  parseNote,
  parseNoteKey,
  parseSignatureLines,
  signatureLine,
  signNote,
  verifyNote,
} from "../../../src/protocol/signed-note.js";

const seed = new Uint8Array(32).fill(7);
const key: NoteKey = { name: "example.com/log", type: NOTE_ED25519, publicKey: nobleEd25519.publicKey(seed) };
const TEXT = "example.com/log\n5\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";

describe("signed notes", () => {
  it("verify the example that the C2SP text gives", () => {
    const published = parseNoteKey("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k")!;
    const note = parseNote(
      "This is an example message.\n\n\u2014 example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n",
    )!;
    expect(verifyNote(note, [published])).toEqual([published]);
    expect(verifyNote({ ...note, text: "This is an Example message.\n" }, [published])).toBeNull();
    expect(encodeNoteKey(published)).toBe("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k");
  });

  it("come back from their text and verify for their key alone", () => {
    const signed = signNote(TEXT, key.name, seed);
    const note = parseNote(signed)!;
    expect(note.text).toBe(TEXT);
    expect(signatureLine(note.signatures[0]!)).toBe(signed.slice(TEXT.length + 1));
    expect(verifyNote(note, [key])).toEqual([key]);
    expect(parseNoteKey(encodeNoteKey(key))).toEqual(key);
    const other = { ...key, name: "example.com/other" };
    expect(verifyNote(note, [other])).toBeNull();
    expect(verifyNote(note, [])).toBeNull();
    // An unknown signature is passed over, a known key's wrong one spoils the note.
    const foreign = signNote(TEXT, other.name, new Uint8Array(32).fill(8)).slice(TEXT.length + 1);
    expect(verifyNote(parseNote(signed + foreign)!, [key])).toEqual([key]);
    const wrong = signatureLine({ name: key.name, keyId: noteKeyId(key), signature: new Uint8Array(64) });
    expect(verifyNote(parseNote(signed + wrong)!, [key])).toBeNull();
  });

  it("carry cosignatures with a time", () => {
    const cosigner: NoteKey = { name: "witness.example/w1", type: NOTE_COSIGNATURE, publicKey: key.publicKey };
    const cosign = (time: bigint, claimed = time): string => {
      const signature = new Uint8Array(72);
      new DataView(signature.buffer).setBigInt64(0, claimed);
      signature.set(nobleEd25519.sign(cosignedMessage(TEXT, time), seed), 8);
      return signatureLine({ name: cosigner.name, keyId: noteKeyId(cosigner), signature });
    };
    const check = (line: string) => verifyNote(parseNote(`${TEXT}\n${line}`)!, [cosigner]);
    expect(check(cosign(1_700_000_000n))).toEqual([cosigner]);
    expect(check(cosign(1_700_000_000n, 1_700_000_001n))).toBeNull();
    expect(check(cosign(0n))).toBeNull();
    expect(check(cosign(-1n))).toBeNull();
    expect(noteKeyId(cosigner)).not.toBe(noteKeyId({ ...cosigner, type: NOTE_ED25519 }));
  });

  it("are refused in any other form", () => {
    const signed = signNote(TEXT, key.name, seed);
    const line = signed.slice(TEXT.length + 1);
    const bad = [
      "",
      TEXT,
      signed.slice(0, -1),
      `${signed}\n`,
      signed.replace("\u2014", "-"),
      signed.replace("\u2014 ", "\u2014  "),
      signed.replace("\n\n", "\n\n\n\u2014"),
      signed.replace("example.com/log\n5", "example.com/log\r\n5"),
      signed.replace(/=\n$/, "\n"),
      `${TEXT}\n\u2014 ${key.name} AAAA\n`,
      `${TEXT}\n\u2014 a+b ${encodeBase64(new Uint8Array(68))}\n`,
      `${TEXT}\n${line.repeat(65)}`,
      `${"x".repeat(70_000)}\n\n${line}`,
    ];
    for (const text of bad) expect(parseNote(text), JSON.stringify(text.slice(0, 80))).toBeNull();
    expect(parseSignatureLines("")).toBeNull();
    for (const text of [
      "",
      "a+b",
      `${key.name}+00000000+AAAA`,
      encodeNoteKey(key).toUpperCase(),
      `${encodeNoteKey(key)}=`,
    ]) {
      expect(parseNoteKey(text), text).toBeNull();
    }
    expect(() => signNote("no newline", key.name, seed)).toThrow();
    expect(() => signNote(TEXT, "two words", seed)).toThrow();
  });
});
