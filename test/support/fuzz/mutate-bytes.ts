/** Mutations of a request body below the level of values: JSON text and raw bytes. */
import type { Random } from "./random.js";

const TOKENS = [
  "{",
  "}",
  "[",
  "]",
  ",",
  ":",
  '"',
  "\\",
  "null",
  "true",
  "1",
  "-",
  ".5",
  "1e5",
  "1E400",
  "-0",
  "00",
  "\\u0000",
  "\\ud800",
  "\\ud83d\\ude00",
  "\\u",
  "\\x",
  "/**/",
  "//",
  "'",
  "NaN",
  "Infinity",
  "\u00a0",
  "\ufeff",
  "\u2028",
  "\t",
  "\n",
  "\r\n",
  " ",
  "\0",
  "\u{1f600}",
  "0x1",
  "+1",
  "1.0",
  "1.",
  "9".repeat(400),
];
const BLANKS = [" ", "\t", "\n", "\r", "  \n\t"];

export function mutateText(text: string, random: Random): string {
  let result = text;
  for (let count = 1 + random.below(2); count > 0; count--) result = random.pick(TEXT_MUTATIONS)(result, random);
  return result;
}

type TextMutation = (text: string, random: Random) => string;

const TEXT_MUTATIONS: readonly TextMutation[] = [
  (text, random) => insert(text, random.below(text.length + 1), random.pick(TOKENS)),
  (text, random) => text.slice(0, random.below(text.length)),
  (text, random) => text.slice(random.below(text.length)),
  (text, random) => cut(text, random.below(text.length), 1 + random.below(8)),
  (text, random) => respaced(text, random),
  (text, random) => atMember(text, random, (name, value) => `${name}:${value},${name}:${value}`),
  (text, random) => atMember(text, random, (name, value) => `${escaped(name, random)}:${value}`),
  (text, random) => atMember(text, random, (name) => `${name}:${random.pick(TOKENS)}`),
  (text, random) =>
    atMember(text, random, (name, value) => `"junk":{"${"k".repeat(random.below(99))}":[]},${name}:${value}`),
  (text, random) =>
    atNumber(text, random, (digits) =>
      random.pick([
        `${digits}.0`,
        `${digits}e0`,
        `-${digits}`,
        `0${digits}`,
        `"${digits}"`,
        `${digits}0000000000`,
        `${digits}E+2`,
      ]),
    ),
  (text, random) => atString(text, random, (body) => escapeSome(body, random)),
  (text, random) => `${text}${random.pick([...TOKENS, text])}`,
  (text, random) => `${random.pick(TOKENS)}${text}`,
  (text, random) => text.replaceAll('"', random.pick(["'", '"', "\u201c"])),
  (text, random) => "[".repeat(random.pick([1, 127, 128, 5000])) + text,
  (text, random) => insert(text, text.indexOf("{") + 1, `"deep":${"[".repeat(random.pick([120, 127, 3000]))}`),
];

function insert(text: string, at: number, piece: string): string {
  return text.slice(0, at) + piece + text.slice(at);
}

function cut(text: string, at: number, length: number): string {
  return text.slice(0, at) + text.slice(at + length);
}

/** Blanks between tokens: the content stays. */
function respaced(text: string, random: Random): string {
  return text.replace(/"(?:[^"\\]|\\.)*"|[{}[\],:]/g, (token) =>
    random.chance(0.2) ? token + random.pick(BLANKS) : token,
  );
}

function atMember(text: string, random: Random, edit: (name: string, value: string) => string): string {
  return atMatch(text, random, /("(?:[^"\\]|\\.)*"):("(?:[^"\\]|\\.)*"|-?[\d.]+|true|false|null)/g, (match) =>
    edit(match[1]!, match[2]!),
  );
}

function atNumber(text: string, random: Random, edit: (digits: string) => string): string {
  return atMatch(text, random, /(?<=:)\d+(?=[,}])/g, (match) => edit(match[0]));
}

function atString(text: string, random: Random, edit: (body: string) => string): string {
  return atMatch(text, random, /"(?:[^"\\]|\\.)*"/g, (match) => `"${edit(match[0].slice(1, -1))}"`);
}

function atMatch(text: string, random: Random, pattern: RegExp, edit: (match: RegExpMatchArray) => string): string {
  const matches = [...text.matchAll(pattern)];
  if (matches.length === 0) return text;
  const match = random.pick(matches);
  return text.slice(0, match.index) + edit(match) + text.slice(match.index + match[0].length);
}

/** The same characters, spelled as escapes: the content stays. */
function escapeSome(body: string, random: Random): string {
  if (body.includes("\\")) return body;
  return [...body].map((char) => (random.chance(0.2) ? escapeUnits(char) : char)).join("");
}

function escaped(name: string, random: Random): string {
  return `"${escapeSome(name.slice(1, -1), random)}"`;
}

function escapeUnits(char: string): string {
  return [...Array(char.length).keys()].map((i) => `\\u${char.charCodeAt(i).toString(16).padStart(4, "0")}`).join("");
}

export function mutateBytes(bytes: Buffer, random: Random): Buffer {
  let result = Buffer.from(bytes);
  for (let count = 1 + random.below(3); count > 0 && result.length > 0; count--) {
    const at = random.below(result.length);
    switch (random.below(6)) {
      case 0:
      case 1:
        result[at]! ^= 1 << random.below(8);
        break;
      case 2:
        result[at] = random.pick([0x00, 0xff, 0xc0, 0x80, 0xed, 0xfe, 0x22, 0x5c, 0x7f]);
        break;
      case 3:
        result = result.subarray(0, at);
        break;
      case 4:
        result = Buffer.concat([result.subarray(0, at), random.bytes(1 + random.below(6)), result.subarray(at)]);
        break;
      default:
        result = Buffer.concat([result.subarray(0, at), result.subarray(at + 1 + random.below(40))]);
    }
  }
  return result;
}
