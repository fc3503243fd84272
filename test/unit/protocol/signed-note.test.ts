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
import { checkpointText, parseCheckpointText } from "../../../src/protocol/tlog-checkpoint.js";
import { leafRecordOfFrame } from "../../../src/protocol/tlog-leaf.js";
import { decodeTilePath, ENTRIES, encodeTilePath, hashesOnLevel, tileWidth } from "../../../src/protocol/tlog-tile.js";

/** Formats of C2SP: signed-note, tlog-checkpoint, tlog-cosignature, tlog-tiles. */

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

describe("checkpoint texts", () => {
  const root = new Uint8Array(32).fill(9);

  it("come back from their text", () => {
    for (const size of [0, 1, 20_852_163, Number.MAX_SAFE_INTEGER]) {
      const checkpoint = { origin: "example.com/log", size, root };
      expect(parseCheckpointText(checkpointText(checkpoint))).toEqual(checkpoint);
      expect(parseCheckpointText(`${checkpointText(checkpoint)}extension\n`)).toEqual(checkpoint);
    }
  });

  it("are refused in any other form", () => {
    const hash = encodeBase64(root);
    const texts = [
      `o\n1\n${hash}`,
      `o\n1\n`,
      `o\n01\n${hash}\n`,
      `o\n-1\n${hash}\n`,
      `o\n1\n${hash}\n\n`,
      `\n1\n${hash}\n`,
    ];
    for (const text of [...texts, `o\n9007199254740993\n${hash}\n`, `o\n1\n${hash.slice(4)}\n`, `o\n1 \n${hash}\n`]) {
      expect(parseCheckpointText(text), JSON.stringify(text)).toBeNull();
    }
  });
});

describe("tile paths", () => {
  it("name each tile in one way", () => {
    const named: [string, number | typeof ENTRIES, number, number][] = [
      ["0/000", 0, 0, 256],
      ["0/x001/x234/067", 0, 1_234_067, 256],
      ["1/x001/000.p/17", 1, 1000, 17],
      ["entries/x273/999.p/112", ENTRIES, 273_999, 112],
      ["63/x009/x007/x199/x254/740/".slice(0, -1), 63, 9_007_199_254_740, 256],
    ];
    for (const [path, level, index, width] of named) {
      expect(encodeTilePath({ level, index, width })).toBe(path);
      expect(decodeTilePath(path)).toEqual({ level, index, width });
    }
  });

  it("are refused in any other form", () => {
    const bad = [
      "",
      "0",
      "0/",
      "0/0",
      "0/00",
      "0/0000",
      "00/000",
      "64/000",
      "-1/000",
      "0/x000/001",
      "0/001/002",
      "0/x001",
    ];
    const more = [
      "0/000.p/0",
      "0/000.p/256",
      "0/000.p/01",
      "0/000.p/",
      "0/000.p/1/2",
      "0/000.p/1.p/1",
      "0/000/",
      "/0/000",
    ];
    const strange = [
      "entry/000",
      "entries/",
      "0/x9999/000",
      "0/%30",
      `0/${"x999/".repeat(6)}999`,
      "0/xABC/000",
      "0/ 01",
    ];
    for (const path of [...bad, ...more, ...strange]) expect(decodeTilePath(path), path).toBeNull();
  });

  it("have the geometry the C2SP text works out for 70,000 leaves", () => {
    expect([0, 1, 2].map((level) => hashesOnLevel(level, 70_000))).toEqual([70_000, 273, 1]);
    expect(tileWidth({ level: 0, index: 273 }, 70_000)).toBe(112);
    expect(tileWidth({ level: 1, index: 1 }, 70_000)).toBe(17);
    expect(tileWidth({ level: 2, index: 0 }, 70_000)).toBe(1);
    expect(tileWidth({ level: 1, index: 0 }, 256)).toBe(1);
    expect(tileWidth({ level: ENTRIES, index: 274 }, 70_000)).toBe(0);
  });
});

describe("leaf records", () => {
  it("are refused for what is no entry", () => {
    for (const text of [
      "",
      "null",
      "[]",
      "{}",
      '{"kind":"ves_event","event":{},"receipt":{}}',
      '{"kind":"x","offset":1}',
    ]) {
      expect(leafRecordOfFrame(text), text).toBeNull();
    }
  });

  const hex = (byte: string, bytes: number): string => byte.repeat(bytes);
  const id = "00000000-0000-4000-8000-000000000001";
  const time = "2026-11-21T12:00:00.081+00:00";
  const event = '{"event_id":"x","payload":{"event":{},"receipt":{}}}';
  const other = '{"event_id":"x","payload":{"event":{},"receipt":{}},"base_version":7}';
  const receipt =
    `{"sequencerId":"${id}","eventId":"${id}","sequenceNumber":1,"sequencedAt":"${time}","receiptHash":"${hex("ab", 32)}",` +
    `"signatureAlg":"ed25519","sequencerSignature":"${hex("cd", 64)}","sequencerKeyVersion":0,"receiptSignatureScheme":1}`;
  const place = `"kind":"ves_event","offset":5,"tenant_id":"${id}","store_id":"${id}","sequence_number":1,"sequenced_at":"${time}"`;
  const record = (frame: string): string | null => {
    const bytes = leafRecordOfFrame(frame);
    return bytes === null ? null : Buffer.from(bytes).toString("hex");
  };
  const honest = `{${place},"event":${event},"receipt":${receipt}}`;

  it("commit to the event that JSON.parse finds in the text, wherever else one stands", () => {
    expect(record(honest)).toMatch(/^01000000000000000005(ab){32}[0-9a-f]{64}$/);
    // The event that the log holds in a member nobody reads, and another one where readers look.
    const decoy = `"x":{"y":0,"event":${event},"receipt":0}`;
    const hidden = `{"receipt":${receipt},${place},${decoy},"event": ${other}}`;
    expect((JSON.parse(hidden) as { event: { base_version: number } }).event.base_version).toBe(7);
    expect(record(hidden)).toBe(record(`{${place},"event":${other},"receipt":${receipt}}`));
    expect(record(hidden)).not.toBe(record(honest));
  });

  it.each([
    ["an event twice", `{${place},"event":${event},"receipt":${receipt},"event": ${other}}`],
    ["an escaped name twice", `{${place},"event":${event},"receipt":${receipt},"\\u0065vent": ${other}}`],
    ["an offset twice", honest.replace("{", '{"offset":4,')],
    ["a receipt's hash twice", honest.replace('{"sequencerId"', `{"receiptHash":"${hex("ab", 32)}","sequencerId"`)],
    ["times that differ", honest.replace(time, "2026-11-21T12:00:00.082+00:00")],
    ["times finer than the record", honest.replaceAll(time, "2026-11-21T12:00:00.0819+00:00")],
    ["times spelled otherwise", honest.replaceAll(time, "2026-11-21T12:00:00.081Z")],
    ["an offset as text", honest.replace(":5,", ':"5",')],
    ["a fraction", honest.replace(":5,", ":5.0,")],
    ["more behind it", `${honest}{}`],
    ["a mark before it", `\ufeff${honest}`],
  ])("are refused for a text with %s", (_, frame) => {
    expect(record(frame)).toBeNull();
  });
});
