/** Files, output and exit codes of the `ves-stark` commands. */
import { readFileSync, writeFileSync } from "node:fs";
import { Presets, SingleBar } from "cli-progress";
import { canonicalJson, type JsonObject, JsonSyntaxError, prettyJson } from "../stark/canonical-json.js";
import { ComplianceInputError } from "../stark/compliance-input-error.js";
import { Kernels, kernelsUrl } from "../stark/kernels.js";
import { WitnessRefusedError } from "../stark/prove.js";

/** What the process answers with, by meaning. */
export const EXIT = {
  done: 0,
  /** The proof, or one of a chain, does not hold. */
  invalidProof: 1,
  /** Unknown command or flag value. */
  usage: 2,
  /** A file is unreadable, malformed, or disagrees with the flags. */
  inputRefused: 3,
  /** The amount violates the policy, so there is nothing to prove. */
  witnessRefused: 4,
  internal: 70,
} as const;

/** Largest file read: the batch file cap, with room for JSON's longer spelling of bytes. */
const FILE_BYTES_MAX = 64 * 1024 * 1024;
/** A batch of 128 events needs about 750 MB; a compliance proof 2 MB. */
const MEMORY_BYTES_MAX = 1024 * 1024 * 1024;

export class UsageError extends Error {
  override readonly name = "UsageError";
}

export function loadKernels(): Kernels {
  return new Kernels(new WebAssembly.Module(readFileSync(kernelsUrl)), MEMORY_BYTES_MAX);
}

/** Reads a file, or standard input for "-". */
export function readInput(path: string): Uint8Array {
  try {
    const bytes = readFileSync(path === "-" ? 0 : path);
    if (bytes.length <= FILE_BYTES_MAX) return bytes;
  } catch (error) {
    throw new ComplianceInputError(`cannot read ${path}: ${(error as NodeJS.ErrnoException).code ?? "error"}`);
  }
  throw new ComplianceInputError(`${path} exceeds ${FILE_BYTES_MAX} bytes`);
}

export function readText(path: string): string {
  return new TextDecoder().decode(readInput(path));
}

/** Proofs disclose their amount (finding F3), so files are readable by their owner only. */
export function writeOutput(path: string, content: string | Uint8Array): void {
  writeFileSync(path, content, { mode: 0o600 });
}

/** One answer: the JSON object with --json, else the lines. */
export function answer(isJson: boolean, json: JsonObject, lines: readonly string[]): void {
  process.stdout.write(isJson ? `${canonicalJson(json)}\n` : `${lines.join("\n")}\n`);
}

export function pretty(json: JsonObject): string {
  return `${prettyJson(json)}\n`;
}

/** Something the reader must know and a program must not parse. */
export function warn(text: string): void {
  process.stderr.write(`warning: ${text}\n`);
}

/** Runs `step` for 0..count-1 with a progress bar on a terminal's standard error. */
export function withProgress(label: string, count: number, step: (index: number) => void): void {
  const bar = new SingleBar(
    { format: `${label} {bar} {value}/{total}`, noTTYOutput: false, stream: process.stderr, clearOnComplete: true },
    Presets.shades_classic,
  );
  if (process.stderr.isTTY) bar.start(count, 0);
  for (let i = 0; i < count; i++) {
    step(i);
    bar.update(i + 1);
  }
  bar.stop();
}

export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return EXIT.usage;
  if (error instanceof WitnessRefusedError) return EXIT.witnessRefused;
  const isInput = error instanceof ComplianceInputError || error instanceof JsonSyntaxError;
  return isInput ? EXIT.inputRefused : EXIT.internal;
}

/** A u64 written in decimal digits. */
export function parseAmount(text: string): bigint {
  if (!/^\d{1,20}$/.test(text)) throw new UsageError(`not an unsigned integer: ${text.slice(0, 40)}`);
  return BigInt(text);
}

/** A count from 1 to `max`. */
export function parseCount(max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < 1 || value > max)
      throw new UsageError(`not a count from 1 to ${max}: ${text}`);
    return value;
  };
}
