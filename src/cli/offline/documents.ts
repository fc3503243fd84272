/**
 * The documents an offline check is about: files, standard input (`-`) or http(s) URLs, read whole, as JSON. Whatever cannot
 * be read as what it should be is a UsageError of one line. Bound: `BYTES_MAX` per document.
 */
import { createReadStream } from "node:fs";
import { bodyParts, boundedBytes } from "../../base/body-parts.js";
import { SequencerError } from "../../client/sequencer-error.js";
import type { CommandArgs } from "../command-args.js";
import { UsageError } from "../usage-error.js";
import { printable } from "./checklist.js";
import { DocumentError, parseDocument } from "./parse-document.js";

const BYTES_MAX = 256 * 1024 * 1024;
/** Of a URL, to the end of its answer. */
const TIMEOUT_MS = 30_000;

/** Where the API key comes from when no flag gives it. */
const API_KEY_VARIABLE = "SEQUENCER_API_KEY";

/** Flags of every command that reads documents. */
export const DOCUMENT_FLAGS = {
  "api-key": { type: "string" },
  json: { type: "boolean" },
} as const;

export const DOCUMENT_USAGE = `  --api-key KEY      For URLs, sent as a header [$${API_KEY_VARIABLE}]; redirects are not followed
  --json             One JSON object on stdout

Files may be "-" for standard input. Exit codes: 0 sound, 2 bad usage or input that is not what it should be, 6 not sound.`;

export class Documents {
  readonly #command: string;
  readonly #apiKey: string | null;

  constructor(args: CommandArgs, env: Readonly<Record<string, string | undefined>>) {
    this.#command = args.command;
    this.#apiKey = args.text("api-key") ?? env[API_KEY_VARIABLE] ?? null;
  }

  /** `read` throws SequencerError for members of the wrong type. */
  async read<T>(place: string, read: (value: unknown) => T, isPublic = false): Promise<T> {
    const text = await this.text(place, isPublic);
    try {
      return read(parseDocument(text));
    } catch (error) {
      if (error instanceof SequencerError || error instanceof DocumentError) throw this.#refuse(place, error.message);
      throw error;
    }
  }

  /** As it is, a byte order mark too: for what is signed or hashed byte for byte. */
  async text(place: string, isPublic = false): Promise<string> {
    try {
      const source = /^https?:\/\//i.test(place) ? await this.#open(place, isPublic) : fileOf(place);
      const bytes = await boundedBytes(source, BYTES_MAX);
      if (bytes === null) throw this.#refuse(place, `exceeds ${BYTES_MAX} bytes`);
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch (error) {
      if (error instanceof UsageError) throw error;
      throw this.#refuse(place, `cannot be read: ${reasonOf(error)}`);
    }
  }

  async #open(url: string, isPublic: boolean): Promise<AsyncIterable<Uint8Array>> {
    const headers: Record<string, string> =
      this.#apiKey === null || isPublic ? {} : { authorization: `ApiKey ${this.#apiKey}` };
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const answer = await fetch(url, { headers, redirect: "manual", signal });
    if (answer.status !== 200 || answer.body === null) throw this.#refuse(url, `was answered with ${answer.status}`);
    return bodyParts(answer, signal);
  }

  #refuse(place: string, problem: string): UsageError {
    return new UsageError(`${this.#command}: ${place}: ${printable(problem)}`);
  }
}

function fileOf(path: string): AsyncIterable<Buffer> {
  return path === "-" ? process.stdin : createReadStream(path);
}

/** A code and never a message: messages may quote what was sent. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return "unknown";
  const { code } = (error.cause ?? error) as { readonly code?: unknown };
  return typeof code === "string" ? code : error.name;
}
