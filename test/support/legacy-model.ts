/** Legacy leaves, trees, state roots and payload hashes written a second time, from the protocol's text alone (§9.4, §11.5). */
import { createHash } from "node:crypto";
import { sha256 } from "./merkle-model.js";

export interface LegacyEnvelopeJson {
  readonly event_id: string;
  readonly tenant_id: string;
  readonly store_id: string;
  readonly entity_type: string;
  readonly entity_id: string;
  readonly event_type: string;
  readonly payload: unknown;
  readonly payload_hash: string;
  readonly created_at: string;
  readonly source_agent: string;
  readonly sequence_number?: number;
  readonly command_id?: string;
  readonly base_version?: number;
  readonly signature?: readonly number[];
}

/** Of payloads whose numbers are the same in every spelling: integers below 2^53 and fractions in plain form. */
export function modelPayloadHash(payload: unknown): string {
  return createHash("sha256")
    .update(JSON.stringify(sorted(payload)))
    .digest("hex");
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const names = Object.keys(value).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  return Object.fromEntries(names.map((name) => [name, sorted((value as Record<string, unknown>)[name])]));
}

export function modelLegacyLeaf(event: LegacyEnvelopeJson): Buffer {
  const stream = [id(event.tenant_id), id(event.store_id), u64be(event.sequence_number!)];
  const names = [event.entity_type, event.entity_id].flatMap((name) => {
    const text = Buffer.from(name);
    return [u64be(text.length).subarray(4), text];
  });
  return sha256("STATESET_COMMITMENT_LEAF_V1", ...stream, Buffer.from(event.payload_hash, "hex"), ...names);
}

/** Halves of any size by definition: a level's last node without partner goes up as it is. */
export function modelLegacyRoot(leaves: readonly Buffer[]): Buffer {
  if (leaves.length === 1) return leaves[0]!;
  const above = leaves.flatMap((left, at) =>
    at % 2 === 1 ? [] : [at + 1 < leaves.length ? sha256(left, leaves[at + 1]!) : left],
  );
  return modelLegacyRoot(above);
}

/** Walks up as §11.5 words it: with the leaf's place and the number of leaves. Null when the path has another length. */
export function legacyClimb(leaf: Buffer, index: number, leafCount: number, path: readonly Buffer[]): Buffer | null {
  const siblings = [...path];
  let node = leaf;
  for (let k = index, n = leafCount; n > 1; k >>= 1, n = Math.ceil(n / 2)) {
    if ((k ^ 1) >= n) continue;
    const sibling = siblings.shift();
    if (sibling === undefined) return null;
    node = k % 2 === 0 ? sha256(node, sibling) : sha256(sibling, node);
  }
  return siblings.length === 0 ? node : null;
}

/** `events`: all of the stream, of both kinds, up to the last one of the range, by entity. */
export function modelLegacyStateRoot(
  stream: { readonly tenantId: string; readonly storeId: string },
  events: readonly { readonly entity_type: string; readonly entity_id: string }[],
): Buffer {
  const versions = new Map<string, bigint>();
  for (const { entity_type, entity_id } of events) {
    const name = JSON.stringify([entity_type, entity_id]);
    versions.set(name, (versions.get(name) ?? 0n) + 1n);
  }
  const rows = [...versions].map(([name, version]) => ({ name: JSON.parse(name) as [string, string], version }));
  rows.sort((a, b) => compare(a.name[0], b.name[0]) || compare(a.name[1], b.name[1]));
  const parts = rows.flatMap(({ name, version }) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(version);
    return [Buffer.from(name[0]), Buffer.from(name[1]), bytes];
  });
  return sha256(id(stream.tenantId), id(stream.storeId), ...parts);
}

function compare(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function id(uuid: string): Buffer {
  return Buffer.from(uuid.replaceAll("-", ""), "hex");
}

function u64be(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}
