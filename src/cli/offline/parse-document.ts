/** JSON that means the same to every reader: what was checked must be what the next program reads in the file. */
import { scanString, skipBlanks } from "../../protocol/json-scanner.js";

/** A text is no document; the message is what follows "it". */
export class DocumentError extends Error {
  override readonly name = "DocumentError";
}

/** Parses one JSON text without members that stand twice and without lone surrogates. Throws DocumentError. */
export function parseDocument(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Its message quotes the document.
    throw new DocumentError("is not JSON");
  }
  expectDistinctNames(text);
  return value;
}

/** `text` is JSON: a string before a colon is a name in the innermost open object, and arrays need no looking at. */
function expectDistinctNames(text: string): void {
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
    }
  }
}
