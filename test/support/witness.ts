/** A witness as C2SP tlog-witness and tlog-cosignature describe one, on node:http and node:crypto, for one log. */
import { createHash, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { openCheckpoint, sha256 } from "./tlog-auditor.js";

const node = (left: Buffer, right: Buffer): Buffer => sha256(Uint8Array.of(1), left, right);

export class TestWitness implements AsyncDisposable {
  /** What it cosigned, oldest first. */
  readonly cosigned: { size: number; root: Buffer }[] = [];
  /** Status of every answer. */
  readonly answers: number[] = [];
  /** Set: answers this instead of doing its work. */
  mood: { status: number; body: string } | "silent" | null = null;
  readonly #key: KeyObject;
  readonly #raw: Buffer;
  readonly #server: Server;

  private constructor(
    readonly name: string,
    /** Note key of the log; null until it is known. */
    public logKey: string | null,
  ) {
    const { publicKey, privateKey } = generateKeyPairSync("ed25519");
    this.#key = privateKey;
    this.#raw = Buffer.from(publicKey.export({ format: "jwk" }).x!, "base64url");
    this.#server = createServer(async (request, response) => {
      const { status, body, type } = await this.#answer(request);
      this.answers.push(status);
      response.writeHead(status, { "content-type": type ?? "text/plain" }).end(body);
    });
  }

  static async start(name: string): Promise<TestWitness> {
    const witness = new TestWitness(name, null);
    witness.#server.listen(0, "127.0.0.1");
    await once(witness.#server, "listening");
    return witness;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** `name+id+base64(0x04 || key)` */
  get key(): string {
    return `${this.name}+${this.keyId.toString("hex")}+${Buffer.concat([Uint8Array.of(4), this.#raw]).toString("base64")}`;
  }

  get keyId(): Buffer {
    return sha256(Buffer.from(`${this.name}\n`), Uint8Array.of(4), this.#raw).subarray(0, 4);
  }

  get publicKey(): Buffer {
    return this.#raw;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  async #answer(request: IncomingMessage): Promise<{ status: number; body: string; type?: string }> {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    if (this.mood === "silent") return new Promise(() => {});
    if (this.mood !== null) return this.mood;
    if (request.method !== "POST" || request.url !== "/add-checkpoint") return { status: 404, body: "" };
    const body = Buffer.concat(parts).toString("utf8");
    const split = body.indexOf("\n\n");
    const [oldLine, ...proofLines] = body.slice(0, split).split("\n");
    const note = body.slice(split + 2);
    const old = Number(/^old (0|[1-9]\d*)$/.exec(oldLine!)?.[1] ?? Number.NaN);
    if (Number.isNaN(old) || proofLines.length > 63) return { status: 400, body: "" };
    if (this.logKey === null) return { status: 404, body: "" };
    let checkpoint: ReturnType<typeof openCheckpoint>;
    try {
      checkpoint = openCheckpoint(note, this.logKey);
    } catch {
      return { status: 403, body: "" };
    }
    if (old > checkpoint.size) return { status: 400, body: "" };
    const last = this.cosigned.at(-1) ?? { size: 0, root: createHash("sha256").digest() };
    if (old !== last.size) return { status: 409, body: `${last.size}\n`, type: "text/x.tlog.size" };
    const proof = proofLines.map((line) => Buffer.from(line, "base64"));
    if (!isConsistent(last, checkpoint, proof)) return { status: 422, body: "" };
    this.cosigned.push({ size: checkpoint.size, root: checkpoint.root });
    return { status: 200, body: this.#cosign(checkpoint.text) };
  }

  #cosign(text: string): string {
    const time = Math.floor(Date.now() / 1000);
    const timestamp = Buffer.alloc(8);
    timestamp.writeBigUInt64BE(BigInt(time));
    const signature = sign(null, Buffer.from(`cosignature/v1\ntime ${time}\n${text}`), this.#key);
    return `\u2014 ${this.name} ${Buffer.concat([this.keyId, timestamp, signature]).toString("base64")}\n`;
  }
}

interface Head {
  readonly size: number;
  readonly root: Buffer;
}

/** RFC 6962 §2.1.2 read backwards, by its own recursion: rebuilds both roots from the proof. */
function isConsistent(from: Head, to: Head, proof: Buffer[]): boolean {
  if (from.size === 0) return proof.length === 0;
  if (from.size === to.size) return proof.length === 0 && from.root.equals(to.root);
  const rest = [...proof];
  const rebuild = (m: number, n: number, isWhole: boolean): { old: Buffer; now: Buffer } => {
    if (m === n) {
      const hash = isWhole ? from.root : rest.shift();
      if (hash === undefined) throw new Error("short proof");
      return { old: hash, now: hash };
    }
    let k = 1;
    while (k * 2 < n) k *= 2;
    if (m <= k) {
      const left = rebuild(m, k, isWhole);
      const right = rest.shift();
      if (right === undefined) throw new Error("short proof");
      return { old: left.old, now: node(left.now, right) };
    }
    const right = rebuild(m - k, n - k, false);
    const left = rest.shift();
    if (left === undefined) throw new Error("short proof");
    return { old: node(left, right.old), now: node(left, right.now) };
  };
  try {
    const { old, now } = rebuild(from.size, to.size, true);
    return rest.length === 0 && old.equals(from.root) && now.equals(to.root);
  } catch {
    return false;
  }
}
