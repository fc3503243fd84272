/**
 * Parses the bytes of a version 2 proof into offsets (spec stark.md section 2). Strict where the original is not: every
 * length is pinned by the shape and the option set before it is used, varints are minimal, and nothing may follow
 * (section 11.3). Allocates a few small arrays bounded by queries * depth; contents stay in the input.
 */
import type { Refusal } from "../refusal.js";
import { ByteReader } from "./byte-reader.js";
import { friPlan, LOG_BLOWUP, PROOF_PROFILES, type ProofOptions, type ProofProfile, profileOf } from "./options.js";
import { type ProofShape, shapeOf } from "./proof-shape.js";

/** Library cap (section 6.5); the largest accepted proof has about 200 KB. */
export const PROOF_BYTES_MAX = 10 * 1024 * 1024;

/** Modulus as the proof spells it (section 2 field 6). */
const MODULUS_BYTES = [1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff] as const;

/** Batch opening: per slot the offset of its digests and their count. */
export interface Opening {
  readonly depth: number;
  readonly slotAt: readonly number[];
  readonly slotCount: readonly number[];
}

export interface FriLayerLayout {
  readonly rowsAt: number;
  readonly rows: number;
  readonly opening: Opening;
}

/** Where everything is; offsets count from the start of the proof. */
export interface ProofLayout {
  readonly shape: ProofShape;
  readonly profile: ProofProfile;
  readonly options: ProofOptions;
  readonly uniqueQueries: number;
  /** Trace root, constraint root, one root per FRI layer, remainder commitment: 32 bytes each. */
  readonly commitmentsAt: number;
  readonly traceRowsAt: number;
  readonly traceOpening: Opening;
  readonly partRowsAt: number;
  readonly partOpening: Opening;
  readonly oodTraceAt: number;
  readonly oodPartsAt: number;
  readonly friLayers: readonly FriLayerLayout[];
  readonly remainderAt: number;
  readonly remainderLength: number;
  readonly nonce: bigint;
}

const NO_OPENING: Opening = { depth: 0, slotAt: [], slotCount: [] };

/** Never throws. Element canonicity is left to the kernels that load them. */
export function parseProof(bytes: Uint8Array): ProofLayout | Refusal {
  const reader = new ByteReader(bytes);
  if (bytes.length > PROOF_BYTES_MAX)
    reader.fail("PROOF_TOO_LARGE", `${bytes.length} bytes, at most ${PROOF_BYTES_MAX}`);
  const context = parseContext(reader);
  if (context === null) return reader.refusal!;
  const { shape, options, profile } = context;
  const uniqueQueries = reader.u8();
  if (uniqueQueries < 1 || uniqueQueries > options.queries) reader.fail("PROOF_MALFORMED", "number of queries");
  const plan = friPlan(options, shape.logTraceLength);
  const commitmentsAt = blob(reader, 2, 32 * (3 + plan.layers), "commitments");
  const depth = shape.logTraceLength + LOG_BLOWUP;
  const limbs = 8 * options.extensionDegree;
  const traceRowsAt = sizedValues(reader, uniqueQueries * shape.width * 8, "trace rows");
  const traceOpening = parseOpening(reader, reader.varint(), depth, uniqueQueries);
  const partRowsAt = sizedValues(reader, uniqueQueries * shape.compositionColumns * limbs, "constraint rows");
  const partOpening = parseOpening(reader, reader.varint(), depth, uniqueQueries);
  const oodTraceAt = parseOodTrace(reader, 2 * shape.width * limbs);
  const oodPartsAt = blob(reader, 2, shape.compositionColumns * limbs, "constraint evaluations");
  const friLayers = parseFriLayers(reader, plan.layers, depth, options, uniqueQueries);
  const remainderAt = blob(reader, 2, plan.remainderLength * limbs, "remainder");
  reader.expect(reader.u8(), 0, "PROOF_MALFORMED", "FRI partitions");
  const nonce = reader.u64();
  reader.expect(reader.u8(), 0, "PROOF_MALFORMED", "gkr tag");
  reader.finish();
  if (reader.refusal !== null) return reader.refusal;
  return {
    shape,
    profile,
    options,
    uniqueQueries,
    commitmentsAt,
    traceRowsAt,
    traceOpening,
    partRowsAt,
    partOpening,
    oodTraceAt,
    oodPartsAt,
    friLayers,
    remainderAt,
    remainderLength: plan.remainderLength,
    nonce,
  };
}

interface ProofContext {
  readonly shape: ProofShape;
  readonly profile: ProofProfile;
  readonly options: ProofOptions;
}

/** Fields 1 to 7. */
function parseContext(reader: ByteReader): ProofContext | null {
  const width = reader.u8();
  reader.expect(reader.u8(), 0, "CONTEXT_MISMATCH", "auxiliary width");
  reader.expect(reader.u8(), 0, "CONTEXT_MISMATCH", "auxiliary random elements");
  const logTraceLength = reader.u8();
  reader.expect(reader.uint(2), 0, "CONTEXT_MISMATCH", "trace meta length");
  reader.expect(reader.u8(), MODULUS_BYTES.length, "CONTEXT_MISMATCH", "modulus length");
  for (const byte of MODULUS_BYTES) reader.expect(reader.u8(), byte, "CONTEXT_MISMATCH", "modulus byte");
  const optionsAt = reader.skip(8);
  if (reader.refusal !== null) return null;
  const shape = shapeOf(width, logTraceLength);
  if (shape === null) {
    reader.fail("CONTEXT_MISMATCH", `no known statement has width ${width} and 2^${logTraceLength} rows`);
    return null;
  }
  const profile = profileOf(reader.bytes.subarray(optionsAt, optionsAt + 8));
  if (profile === null) {
    reader.fail("OPTIONS_NOT_ACCEPTED", "option bytes match no known set");
    return null;
  }
  return { shape, profile, options: PROOF_PROFILES[profile] };
}

/** Length-prefixed bytes whose length is known in advance. */
function blob(reader: ByteReader, prefixBytes: 1 | 2 | 4, length: number, what: string): number {
  reader.expect(reader.uint(prefixBytes), length, "PROOF_MALFORMED", `length of ${what}`);
  return reader.skip(length);
}

function sizedValues(reader: ByteReader, length: number, what: string): number {
  reader.expect(reader.varint(), length, "PROOF_MALFORMED", `length of ${what}`);
  return reader.skip(length);
}

/** Section 2 "Opening proof": the blob is consumed exactly; slots and counts are bounded before any loop runs. */
function parseOpening(reader: ByteReader, length: number, depth: number, rows: number): Opening {
  const end = reader.at + length;
  reader.expect(reader.u8(), depth, "PROOF_MALFORMED", "opening depth");
  const slots = reader.varint();
  if (slots < 1 || slots > rows) reader.fail("PROOF_MALFORMED", "number of opening slots");
  if (reader.refusal !== null) return NO_OPENING;
  const slotAt: number[] = [];
  const slotCount: number[] = [];
  for (let slot = 0; slot < slots; slot++) {
    const count = reader.varint();
    if (count > depth) reader.fail("PROOF_MALFORMED", "digests in an opening slot");
    slotCount.push(count);
    slotAt.push(reader.skip(count * 32));
    if (reader.refusal !== null) return NO_OPENING;
  }
  reader.expect(reader.at, end, "PROOF_MALFORMED", "end of opening");
  return { depth, slotAt, slotCount };
}

/** The two blobs before the constraint evaluations: trace states with their frame size, and an empty lagrange part. */
function parseOodTrace(reader: ByteReader, length: number): number {
  reader.expect(reader.uint(2), length + 1, "PROOF_MALFORMED", "length of trace states");
  reader.expect(reader.u8(), 2, "PROOF_MALFORMED", "frame size");
  const at = reader.skip(length);
  reader.expect(reader.uint(2), 1, "PROOF_MALFORMED", "length of lagrange states");
  reader.expect(reader.u8(), 0, "PROOF_MALFORMED", "lagrange states");
  return at;
}

function parseFriLayers(
  reader: ByteReader,
  layers: number,
  logDomain: number,
  options: ProofOptions,
  queries: number,
): FriLayerLayout[] {
  reader.expect(reader.u8(), layers, "PROOF_MALFORMED", "number of FRI layers");
  const rowBytes = options.folding * 8 * options.extensionDegree;
  const parsed: FriLayerLayout[] = [];
  for (let layer = 1; layer <= layers && reader.refusal === null; layer++) {
    const length = reader.uint(4);
    const rows = length / rowBytes;
    if (!Number.isInteger(rows) || rows < 1 || rows > queries)
      reader.fail("PROOF_MALFORMED", "length of FRI layer rows");
    const rowsAt = reader.skip(length);
    const depth = logDomain - layer * Math.log2(options.folding);
    parsed.push({ rowsAt, rows, opening: parseOpening(reader, reader.uint(4), depth, rows) });
  }
  return parsed;
}
