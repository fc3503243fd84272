/**
 * An auditor as a stranger would write it: from the texts of C2SP signed-note, tlog-checkpoint and tlog-tiles and from RFC
 * 6962 alone, on node:crypto, without a line of this project's code.
 */
import { createPublicKey, hash, verify } from "node:crypto";

export interface AuditedCheckpoint {
  readonly origin: string;
  readonly size: number;
  readonly root: Buffer;
  readonly text: string;
  readonly signatures: readonly { readonly name: string; readonly id: Buffer; readonly signature: Buffer }[];
}

export const sha256 = (...parts: readonly Uint8Array[]): Buffer => hash("sha256", Buffer.concat(parts), "buffer");

const leafOf = (entry: Uint8Array): Buffer => sha256(Uint8Array.of(0), entry);
const nodeOf = (left: Uint8Array, right: Uint8Array): Buffer => sha256(Uint8Array.of(1), left, right);

/** MTH over leaf hashes: RFC 6962 §2.1 with its recursion unrolled over complete subtrees. */
export function rootOf(leaves: readonly Buffer[]): Buffer {
  if (leaves.length === 0) return sha256();
  let level = [...leaves];
  while (level.length > 1) {
    const next: Buffer[] = [];
    for (let i = 0; i < level.length; i += 2)
      next.push(i + 1 < level.length ? nodeOf(level[i]!, level[i + 1]!) : level[i]!);
    level = next;
  }
  return level[0]!;
}

/** `key`: name+id+base64. Throws for a note that key has not signed, or one that is not a checkpoint. */
export function openCheckpoint(note: string, key: string): AuditedCheckpoint {
  const split = note.lastIndexOf("\n\n");
  const text = note.slice(0, split + 1);
  const lines = note
    .slice(split + 2)
    .trimEnd()
    .split("\n");
  const signatures = lines.map((line) => {
    const [dash, name, encoded, ...more] = line.split(" ");
    if (dash !== "\u2014" || more.length > 0) throw new Error(`not a signature line: ${line}`);
    const bytes = Buffer.from(encoded!, "base64");
    return { name: name!, id: bytes.subarray(0, 4), signature: bytes.subarray(4) };
  });
  const plus = key.indexOf("+");
  const [name, id, material] = [
    key.slice(0, plus),
    key.slice(plus + 1, plus + 9),
    Buffer.from(key.slice(plus + 10), "base64"),
  ];
  if (material[0] !== 1) throw new Error("not an Ed25519 key");
  if (
    sha256(Buffer.from(`${name}\n`), material)
      .subarray(0, 4)
      .toString("hex") !== id
  )
    throw new Error("wrong key id");
  const own = signatures.filter((line) => line.name === name && line.id.toString("hex") === id);
  if (own.length === 0) throw new Error("the log has not signed this note");
  for (const { signature } of own) {
    if (!verify(null, Buffer.from(text), ed25519Key(material.subarray(1)), signature)) throw new Error("forged note");
  }
  const [origin, size, root, ...rest] = text.split("\n");
  if (rest.length !== 1 || !/^(0|[1-9]\d*)$/.test(size!)) throw new Error(`not a checkpoint: ${text}`);
  if (origin !== name) throw new Error("origin and key name differ");
  return { origin: origin!, size: Number(size), root: Buffer.from(root!, "base64"), text, signatures };
}

/** DER in front of a raw Ed25519 key (RFC 8410). */
const SPKI = Buffer.from("302a300506032b6570032100", "hex");

export function ed25519Key(raw: Buffer): ReturnType<typeof createPublicKey> {
  return createPublicKey({ key: Buffer.concat([SPKI, raw]), format: "der", type: "spki" });
}

function tilePath(level: string, index: number, width: number): string {
  const digits = String(index).padStart(Math.ceil(String(index).length / 3) * 3, "0");
  const groups = digits.match(/.../g)!;
  const name = groups.map((group, i) => (i < groups.length - 1 ? `x${group}` : group)).join("/");
  return `tile/${level}/${name}${width === 256 ? "" : `.p/${width}`}`;
}

/** The whole log behind `prefix`, as of its newest checkpoint. */
export class TlogAuditor {
  constructor(
    readonly prefix: string,
    readonly key: string,
  ) {}

  async checkpoint(): Promise<AuditedCheckpoint> {
    return openCheckpoint(await this.#text("checkpoint"), this.key);
  }

  /** Fetches every tile and entry bundle of the tree, and throws where they do not add up to the checkpoint. */
  async audit(checkpoint: AuditedCheckpoint): Promise<Buffer[]> {
    const entries: Buffer[] = [];
    const leaves: Buffer[] = [];
    for (const tile of tilesOf(0, checkpoint.size)) {
      const hashes = await this.#bytes(tilePath("0", tile.index, tile.width));
      if (hashes.length !== tile.width * 32) throw new Error("a tile of the wrong width");
      const bundle = await this.#bytes(tilePath("entries", tile.index, tile.width));
      let at = 0;
      for (let i = 0; i < tile.width; i++) {
        const length = bundle.readUInt16BE(at);
        const entry = bundle.subarray(at + 2, at + 2 + length);
        at += 2 + length;
        const leaf = hashes.subarray(i * 32, i * 32 + 32);
        if (!leafOf(entry).equals(leaf)) throw new Error(`entry ${entries.length} is not the leaf of its tile`);
        entries.push(entry);
        leaves.push(leaf);
      }
      if (at !== bundle.length) throw new Error("a bundle with something behind its entries");
    }
    if (!rootOf(leaves).equals(checkpoint.root)) throw new Error("the leaves do not add up to the root");
    await this.#auditUpperLevels(leaves);
    return entries;
  }

  /** Hashes of the first `size` leaves, from the level-0 tiles of that tree or a later one. */
  async leaves(size: number): Promise<Buffer[]> {
    const leaves: Buffer[] = [];
    for (const tile of tilesOf(0, size)) {
      const hashes = await this.#bytes(tilePath("0", tile.index, tile.width));
      for (let i = 0; i < tile.width; i++) leaves.push(hashes.subarray(i * 32, i * 32 + 32));
    }
    return leaves;
  }

  async rootAt(size: number): Promise<Buffer> {
    return rootOf(await this.leaves(size));
  }

  async #auditUpperLevels(leaves: readonly Buffer[]): Promise<void> {
    let below = leaves;
    for (let level = 1; below.length >= 256; level++) {
      const expected: Buffer[] = [];
      for (let i = 0; i + 256 <= below.length; i += 256) expected.push(rootOf(below.slice(i, i + 256)));
      for (const { index, width } of tilesOf(0, expected.length)) {
        const hashes = await this.#bytes(tilePath(String(level), index, width));
        const wanted = Buffer.concat(expected.slice(index * 256, index * 256 + width));
        if (!hashes.equals(wanted)) throw new Error(`tile ${level}/${index} does not follow from those below`);
      }
      below = expected;
    }
  }

  async #text(path: string): Promise<string> {
    return (await this.#bytes(path)).toString("utf8");
  }

  async #bytes(path: string): Promise<Buffer> {
    const get = (): Promise<Response> => fetch(`${this.prefix}/${path}`);
    // Hashing a million leaves takes longer than an idle connection lives: once more on a new one.
    const response = await get().catch(get);
    if (response.status !== 200) throw new Error(`${path}: ${response.status}`);
    return Buffer.from(await response.arrayBuffer());
  }
}

function tilesOf(level: number, size: number): { index: number; width: number }[] {
  const count = Math.floor(size / 256 ** level);
  const tiles = Array.from({ length: Math.floor(count / 256) }, (_, index) => ({ index, width: 256 }));
  return count % 256 === 0 ? tiles : [...tiles, { index: tiles.length, width: count % 256 }];
}
