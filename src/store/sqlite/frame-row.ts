/**
 * What a frame is made of, as rows of `entries` (named `e`) give it. For the readers' innermost loop a row travels as one text:
 * every value that crosses from SQLite costs more than reading its digits here.
 */
import { AssertionError } from "../../base/assert.js";

export type FrameRow = readonly [
  offset: number,
  streamRef: number,
  sequenceNumber: number,
  sequencedAtMs: number,
  sequencerRef: number,
  frameCheck: number | null,
  kind: number,
  idAndHashesHex: string,
  envelope: string,
  envelopeBytes: number,
  entityType?: string,
  entityId?: string,
  eventTypeRef?: number,
];

/** A larger envelope is left out of the packed row, so that a group of rows is bounded in bytes: it is read alone. */
export const ENVELOPE_IN_ROW_BYTES_MAX = 16 * 1024;

/** The row's members with commas between them. A checksum that is not there is -1; what is NULL otherwise is left out. */
export const PACKED_ROW = `concat_ws(',', e."offset", e.stream_ref, e.sequence_number, e.sequenced_at_ms, e.sequencer_ref,
  coalesce(e.frame_crc32, '-1'), e.kind, length(e.envelope), hex(e.event_id || e.signing_hash || e.receipt_signature),
  CASE WHEN length(e.envelope) <= ${ENVELOPE_IN_ROW_BYTES_MAX} THEN CAST(e.envelope AS TEXT) END)`;

/** Alone, or with what a filter looks at where that is asked for. */
export type PackedRow = string | readonly [packed: string, entityType: string, entityId: string];

const COMMA = 0x2c;
const MINUS = 0x2d;
const ZERO = 0x30;

/** Throws where a member is missing or no number. The envelope is empty when it was left out. */
export function unpackRow(packed: string): FrameRow {
  at = 0;
  const offset = nextNumber(packed);
  const streamRef = nextNumber(packed);
  const sequenceNumber = nextNumber(packed);
  const sequencedAtMs = nextNumber(packed);
  const sequencerRef = nextNumber(packed);
  const check = nextNumber(packed);
  const kind = nextNumber(packed);
  const envelopeBytes = nextNumber(packed);
  const comma = packed.indexOf(",", at);
  const hexEnd = comma < 0 ? packed.length : comma;
  const hex = packed.slice(at, hexEnd);
  const envelope = packed.slice(hexEnd + 1);
  const frameCheck = check < 0 ? null : check;
  return [
    offset,
    streamRef,
    sequenceNumber,
    sequencedAtMs,
    sequencerRef,
    frameCheck,
    kind,
    hex,
    envelope,
    envelopeBytes,
  ];
}

/** Where the next member of the row begins that is being unpacked. */
let at = 0;

function nextNumber(packed: string): number {
  const isNegative = packed.charCodeAt(at) === MINUS;
  if (isNegative) at++;
  let value = 0;
  for (let code = packed.charCodeAt(at++); code !== COMMA; code = packed.charCodeAt(at++)) {
    const digit = code - ZERO;
    if (!(digit >= 0 && digit <= 9))
      throw new AssertionError(`entry ${Number.parseInt(packed, 10)} is damaged: no number`);
    value = value * 10 + digit;
  }
  return isNegative ? -value : value;
}
