/** Files, output and exit codes of the `ves-stark` commands. */
import { closeSync, openSync, readFileSync, readSync, writeFileSync } from "node:fs";
import { Presets, SingleBar } from "cli-progress";
import { SequencerError } from "../client/sequencer-error.js";
import { ComplianceInputError } from "../stark/compliance-input-error.js";
import { canonicalExactJson, ExactJsonError, type ExactJsonObject, prettyExactJson } from "../stark/exact-json.js";
import { Kernels, kernelsUrl } from "../stark/kernels.js";
import { utf8Text } from "../stark/proof-artefact.js";
import { WitnessRefusedError } from "../stark/prove.js";
import { printable } from "./offline/checklist.js";
import { UsageError } from "./usage-error.js";

/** What the process answers with, by meaning. */
export const EXIT = {
  done: 0,
  /** The proof, or one of a chain, does not hold. */
  invalidProof: 1,
  /** Unknown command or flag value. */
  usage: 2,
  /** A file is unreadable, unwritable, malformed, or disagrees with the flags. */
  inputRefused: 3,
  /** The amount violates the policy, so there is nothing to prove. */
  witnessRefused: 4,
  /** The service refused what was asked of it; the same again will be refused again. */
  serviceRefused: 5,
  /** No answer of the service, or one that says to try again later. */
  serviceUnavailable: 6,
  internal: 70,
} as const;

/** Largest file read: the batch file cap, with room for JSON's longer spelling of bytes. */
const FILE_BYTES_MAX = 64 * 1024 * 1024;
const READ_BYTES = 256 * 1024;
/** A batch of 128 events needs about 750 MB; a compliance proof 2 MB. */
const MEMORY_BYTES_MAX = 1024 * 1024 * 1024;

/** In bundles and batch files, as who made them. */
export const PROVER_VERSION = "stateset-sequencer/2";

export function loadKernels(): Kernels {
  return new Kernels(new WebAssembly.Module(readFileSync(kernelsUrl)), MEMORY_BYTES_MAX);
}

/** Reads a file, or standard input for "-": never more than `FILE_BYTES_MAX` of it, whatever its size is said to be. */
export function readInput(path: string): Uint8Array {
  const bytes = orRefusal(`cannot read ${path}`, () => readBounded(path));
  if (bytes === null) throw new ComplianceInputError(`${path} exceeds ${FILE_BYTES_MAX} bytes`);
  return bytes;
}

/** Null when there are more than `FILE_BYTES_MAX`. */
function readBounded(path: string): Uint8Array | null {
  const file = path === "-" ? 0 : openSync(path, "r");
  try {
    const chunks: Buffer[] = [];
    for (let left = FILE_BYTES_MAX; left >= 0; ) {
      const chunk = Buffer.allocUnsafe(READ_BYTES);
      const length = readSync(file, chunk);
      if (length === 0) return Buffer.concat(chunks);
      chunks.push(chunk.subarray(0, length));
      left -= length;
    }
    return null;
  } finally {
    if (file !== 0) closeSync(file);
  }
}

/** What the file system refuses is the caller's to mend. */
function orRefusal<T>(what: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new ComplianceInputError(`${what}: ${(error as NodeJS.ErrnoException).code ?? "error"}`);
  }
}

export function readText(path: string): string {
  return utf8Text(readInput(path));
}

/** Proofs disclose their amount (finding F3), so files are readable by their owner only. */
export function writeOutput(path: string, content: string | Uint8Array): void {
  orRefusal(`cannot write ${path}`, () => writeFileSync(path, content, { mode: 0o600 }));
}

/** One answer: the JSON object with --json, else the lines. */
export function answer(isJson: boolean, json: ExactJsonObject, lines: readonly string[]): void {
  process.stdout.write(isJson ? `${canonicalExactJson(json)}\n` : `${lines.map(printable).join("\n")}\n`);
}

/** A reader that went away, as `| head` does, changes no verdict; an answer that could not be written is none. */
export function surviveClosedOutput(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") return;
    process.exitCode = EXIT.internal;
    process.stderr.write(`error: cannot write the answer: ${error.code ?? "error"}\n`);
  });
  process.stderr.on("error", () => {});
}

export function pretty(json: ExactJsonObject): string {
  return `${prettyExactJson(json)}\n`;
}

/** Something the reader must know and a program must not parse. */
export function warn(text: string): void {
  process.stderr.write(`warning: ${text}\n`);
}

/** Runs `step` for 0..count-1 with a progress bar on a terminal's standard error. */
export function withProgress(label: string, count: number, step: (index: number) => void): void {
  const bar = progressBar(`${label} {bar} {value}/{total}`);
  if (process.stderr.isTTY) bar.start(count, 0);
  for (let i = 0; i < count; i++) {
    step(i);
    bar.update(i + 1);
  }
  bar.stop();
}

/** Says on a terminal's standard error which step of `count` runs; `using` ends it. */
export class Steps implements Disposable {
  readonly #bar = progressBar("{bar} {value}/{total} {step}");
  #done = 0;

  constructor(count: number) {
    if (process.stderr.isTTY) this.#bar.start(count, 0, { step: "" });
  }

  begin(step: string): void {
    this.#bar.update(this.#done++, { step });
  }

  [Symbol.dispose](): void {
    this.#bar.stop();
  }
}

function progressBar(format: string): SingleBar {
  const stream = process.stderr;
  return new SingleBar({ format, noTTYOutput: false, stream, clearOnComplete: true }, Presets.shades_classic);
}

export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return EXIT.usage;
  if (error instanceof WitnessRefusedError) return EXIT.witnessRefused;
  if (error instanceof SequencerError) return error.isTransient ? EXIT.serviceUnavailable : EXIT.serviceRefused;
  const isInput = error instanceof ComplianceInputError || error instanceof ExactJsonError;
  return isInput ? EXIT.inputRefused : EXIT.internal;
}
