/**
 * Asks a witness to cosign checkpoints (C2SP tlog-witness add-checkpoint). The witness keeps the last head it saw of this
 * log and refuses whatever does not continue it: so it notices a fork that nothing on this machine can notice. Bounds: one
 * request at a time, `timeoutMs` each, `ANSWER_BYTES_MAX` of answer; a witness that fails holds nothing up.
 */
import { encodeBase64 } from "../base/base64.js";
import { bodyParts, boundedBytes } from "../base/body-parts.js";
import type { Ed25519 } from "../protocol/ed25519.js";
import { type NoteKey, parseNote, parseSignatureLines, signatureLine, verifyNote } from "../protocol/signed-note.js";

export interface WitnessOptions {
  readonly url: string;
  readonly key: NoteKey;
  readonly ed25519: Ed25519;
  /** Of one request, to the end of its answer. */
  readonly timeoutMs: number;
  /** Consistency proof from a tree of `from` leaves to one of `to`. */
  proof(from: number, to: number): readonly Uint8Array[];
}

const ANSWER_BYTES_MAX = 16 * 1024;
const HTTP_CONFLICT = 409;

export class WitnessClient {
  readonly #options: WitnessOptions;
  /** Size of the last checkpoint it cosigned, as far as known. */
  #knownSize = 0;

  constructor(options: WitnessOptions) {
    this.#options = options;
  }

  get name(): string {
    return this.#options.key.name;
  }

  /** The signature line for a checkpoint that the log signed. Rejects with why there is none. */
  async cosign(note: string, size: number): Promise<string> {
    let answer = await this.#add(note, size);
    if (answer.status === HTTP_CONFLICT) {
      // The witness says where it is: its memory outlives this process, and an answer of its may have got lost.
      const known = /^(?:0|[1-9][0-9]{0,15})\n$/.test(answer.text) ? Number(answer.text) : null;
      if (known === null) throw new Error("the witness is at a size it does not name");
      if (known > size)
        throw new Error(`the witness has seen ${known} entries of this log, more than there are: a fork`);
      this.#knownSize = known;
      answer = await this.#add(note, size);
    }
    if (answer.status !== 200) throw new Error(`the witness answered ${answer.status}`);
    const line = this.#ownLine(note, answer.text);
    this.#knownSize = size;
    return line;
  }

  async #add(note: string, size: number): Promise<{ status: number; text: string }> {
    const { url, proof, timeoutMs } = this.#options;
    const signal = AbortSignal.timeout(timeoutMs);
    const from = Math.min(this.#knownSize, size);
    const lines = proof(from, size).map((hash) => `${encodeBase64(hash)}\n`);
    const response = await fetch(`${url}/add-checkpoint`, {
      method: "POST",
      headers: { "content-type": "text/plain; charset=utf-8" },
      body: `old ${from}\n${lines.join("")}\n${note}`,
      redirect: "error",
      signal,
    });
    const answer = await boundedBytes(bodyParts(response, signal), ANSWER_BYTES_MAX);
    if (answer === null) throw new Error("the witness's answer is too long");
    return { status: response.status, text: Buffer.from(answer).toString("utf8") };
  }

  /** Lines of keys this log does not know are left out. */
  #ownLine(note: string, answer: string): string {
    const { key, ed25519 } = this.#options;
    const text = parseNote(note)!.text;
    for (const signature of parseSignatureLines(answer) ?? []) {
      if (verifyNote({ text, signatures: [signature] }, [key], ed25519) !== null) return signatureLine(signature);
    }
    throw new Error("the witness's answer holds no valid cosignature of its key");
  }
}
