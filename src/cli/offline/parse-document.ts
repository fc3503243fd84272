/** JSON that means the same to every reader: what was checked must be what the next program reads in the file. */
import { scanNumber, scanString, skipBlanks } from "../../protocol/json-scanner.js";

/** A text is no document; the message is what follows "it". */
export class DocumentError extends Error {
  override readonly name = "DocumentError";
}

/**
 * Parses one JSON text without members that stand twice, lone surrogates, and integers that are rounded here and exact to
 * others. Throws DocumentError.
 */
export function parseDocument(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Its message quotes the document.
    throw new DocumentError("is not JSON");
  }
  expectOneMeaning(text);
  return value;
}

/** `text` is JSON: a string before a colon is a name in the innermost open object, and arrays need no looking at. */
function expectOneMeaning(text: string): void {
  const open: Set<string>[] = [];
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === "{") open.push(new Set());
    else if (character === "}") open.pop();
    else if (character === '"') {
      const end = scanString(text, at);
      if (end < 0) throw new DocumentError("has a lone surrogate");
      if (text[skipBlanks(text, end)] === ":") {
        const name = JSON.parse(text.slice(at, end)) as string;
        const names = open.at(-1)!;
        if (names.has(name)) throw new DocumentError(`has two members ${JSON.stringify(name.slice(0, 64))}`);
        names.add(name);
      }
      at = end - 1;
    } else if (character === "-" || (character! >= "0" && character! <= "9")) {
      const end = scanNumber(text, at);
      if (end < 0 || isRounded(text.slice(at, end)))
        throw new DocumentError("has a number that not every reader rounds");
      at = end - 1;
    }
  }
}

/** Integers of this many digits are exact as doubles. */
const EXACT_DIGITS_MAX = 15;

/** An integer other than the shortest one that reads as the same double, which is how the service writes it. */
function isRounded(literal: string): boolean {
  if (literal.length <= EXACT_DIGITS_MAX || /[.eE]/.test(literal)) return false;
  const [mantissa, exponent] = Number(literal).toExponential().split("e") as [string, string];
  const digits = mantissa.replace(".", "");
  const sign = digits.startsWith("-") ? 1 : 0;
  return literal !== digits.padEnd(Number(exponent) + 1 + sign, "0");
}
