import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { fromHex } from "../../../src/base/bytes.js";

/** Shared by the protocol tests: bytes from hex, the golden file and vector files beside the checkout. */
export function hex(text: string): Uint8Array {
  const bytes = fromHex(text, Math.floor(text.length / 2) - (text.startsWith("0x") ? 1 : 0));
  if (bytes === null) throw new Error(`not hex: ${text}`);
  return bytes;
}

/** `length` bytes counting up from `first`. */
export function counting(length: number, first = 0): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => first + i);
}

export const golden = JSON.parse(
  readFileSync(new URL("../../vectors/ves-golden.json", import.meta.url), "utf8"),
) as Record<string, string>;

/** The parsed file `../shared/vectors/<path>` beside the checkout; when it is absent, says so and returns null. */
export function sharedVectors<T>(path: string): T | null {
  const file = fileURLToPath(new URL(`../../../../shared/vectors/${path}`, import.meta.url));
  if (existsSync(file)) return JSON.parse(readFileSync(file, "utf8")) as T;
  console.log(`vectors not present, their cases did not run: ${path}`);
  return null;
}
