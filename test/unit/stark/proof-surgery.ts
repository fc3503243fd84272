import { type Opening, type ProofLayout, parseProof } from "../../../src/stark/v2/proof-parser.js";
import { ProofWriter } from "../../../src/stark/v2/proof-writer.js";

/** A proof taken apart, so that a test can change one thing and put it together again with correct lengths. */
export interface ProofPieces {
  /** Fields 1 to 7. */
  head: Uint8Array;
  uniqueQueries: number;
  commitments: Uint8Array;
  queries: { rows: Uint8Array[]; opening: OpeningPieces }[];
  oodTrace: Uint8Array;
  oodParts: Uint8Array;
  friLayers: { rows: Uint8Array[]; opening: OpeningPieces }[];
  remainder: Uint8Array;
  nonce: bigint;
}

export interface OpeningPieces {
  depth: number;
  slots: Uint8Array[][];
}

const HEAD_BYTES = 23;

export function layoutOf(proof: Uint8Array): ProofLayout {
  const layout = parseProof(proof);
  if ("code" in layout) throw new Error(layout.detail);
  return layout;
}

export function takeApart(proof: Uint8Array): ProofPieces {
  const layout = layoutOf(proof);
  const { shape, options, uniqueQueries } = layout;
  const limbs = 8 * options.extensionDegree;
  const rows = (at: number, rowBytes: number, count: number): Uint8Array[] =>
    Array.from({ length: count }, (_, i) => proof.slice(at + i * rowBytes, at + (i + 1) * rowBytes));
  const opening = ({ depth, slotAt, slotCount }: Opening): OpeningPieces => ({
    depth,
    slots: slotAt.map((at, slot) => rows(at, 32, slotCount[slot]!)),
  });
  const partBytes = shape.compositionColumns * limbs;
  return {
    head: proof.slice(0, HEAD_BYTES),
    uniqueQueries,
    commitments: proof.slice(layout.commitmentsAt, layout.commitmentsAt + 32 * (3 + layout.friLayers.length)),
    queries: [
      { rows: rows(layout.traceRowsAt, shape.width * 8, uniqueQueries), opening: opening(layout.traceOpening) },
      { rows: rows(layout.partRowsAt, partBytes, uniqueQueries), opening: opening(layout.partOpening) },
    ],
    oodTrace: proof.slice(layout.oodTraceAt, layout.oodTraceAt + 2 * shape.width * limbs),
    oodParts: proof.slice(layout.oodPartsAt, layout.oodPartsAt + partBytes),
    friLayers: layout.friLayers.map((layer) => ({
      rows: rows(layer.rowsAt, options.folding * limbs, layer.rows),
      opening: opening(layer.opening),
    })),
    remainder: proof.slice(layout.remainderAt, layout.remainderAt + layout.remainderLength * limbs),
    nonce: layout.nonce,
  };
}

export function putTogether(pieces: ProofPieces): Uint8Array {
  const writer = new ProofWriter();
  const blob = (bytes: Uint8Array, prefix: 2 | 4): void => {
    writer.uint(bytes.length, prefix);
    writer.bytes(bytes);
  };
  const openingBytes = ({ depth, slots }: OpeningPieces): Uint8Array => {
    const inner = new ProofWriter();
    inner.opening(depth, slots);
    return inner.finish();
  };
  writer.bytes(pieces.head);
  writer.u8(pieces.uniqueQueries);
  blob(pieces.commitments, 2);
  for (const { rows, opening } of pieces.queries) {
    writer.varint(rows.reduce((sum, row) => sum + row.length, 0));
    for (const row of rows) writer.bytes(row);
    const bytes = openingBytes(opening);
    writer.varint(bytes.length);
    writer.bytes(bytes);
  }
  blob(Uint8Array.of(2, ...pieces.oodTrace), 2);
  writer.u8(1, 0, 0);
  blob(pieces.oodParts, 2);
  writer.u8(pieces.friLayers.length);
  for (const { rows, opening } of pieces.friLayers) {
    blob(concat(rows), 4);
    blob(openingBytes(opening), 4);
  }
  blob(pieces.remainder, 2);
  writer.u8(0);
  writer.u64(pieces.nonce);
  writer.u8(0);
  return writer.finish();
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

/** Consecutive rows, digests or elements: bytes that parsing passes over. */
export interface Region {
  readonly section: string;
  readonly at: number;
  readonly itemBytes: number;
  readonly items: number;
  /** For rows and digests of an opening, what they are opened against: 0 trace, 1 constraints, then the FRI layers. */
  readonly commitment: number | null;
}

/** All of them, in the order of the proof but for the slots of openings. */
export function regionsOf(layout: ProofLayout): Region[] {
  const { shape, options, uniqueQueries, friLayers } = layout;
  const limbs = 8 * options.extensionDegree;
  const regions: Region[] = [];
  const add = (
    section: string,
    at: number,
    itemBytes: number,
    items: number,
    commitment: number | null = null,
  ): void => {
    regions.push({ section, at, itemBytes, items, commitment });
  };
  const addOpening = (section: string, { slotAt, slotCount }: Opening, commitment: number): void => {
    for (const [slot, at] of slotAt.entries()) add(section, at, 32, slotCount[slot]!, commitment);
  };
  add("commitments", layout.commitmentsAt, 32, 3 + friLayers.length);
  add("trace rows", layout.traceRowsAt, shape.width * 8, uniqueQueries, 0);
  addOpening("trace opening", layout.traceOpening, 0);
  add("constraint rows", layout.partRowsAt, shape.compositionColumns * limbs, uniqueQueries, 1);
  addOpening("constraint opening", layout.partOpening, 1);
  add("out-of-domain frame", layout.oodTraceAt, limbs, 2 * shape.width);
  add("out-of-domain frame", layout.oodPartsAt, limbs, shape.compositionColumns);
  for (const [i, { rowsAt, rows, opening }] of friLayers.entries()) {
    add("FRI rows", rowsAt, options.folding * limbs, rows, 2 + i);
    addOpening("FRI openings", opening, 2 + i);
  }
  add("remainder", layout.remainderAt, limbs, layout.remainderLength);
  return regions;
}

/** Offsets of everything but elements and digests: counts, lengths, options, tags, nonce. A test changes each of these. */
export function framingOffsets(proof: Uint8Array): Set<number> {
  const framing = new Set(proof.keys());
  for (const { at, itemBytes, items } of regionsOf(layoutOf(proof))) {
    for (let i = at; i < at + itemBytes * items; i++) framing.delete(i);
  }
  return framing;
}
