/** First column of each group of the batch trace (section 8.3). Columns 0-104 keep their compliance meaning. */
export const BATCH_COLUMNS = {
  commitment: 0,
  eventId: 4,
  amount: 12,
  limit: 20,
  inputHash: 28,
  isFirst: 36,
  counter: 38,
  bits: 40,
  eventIndex: 105,
  numEvents: 106,
  left: 107,
  right: 111,
  out: 115,
  level: 119,
  node: 120,
  size: 121,
  isLeaf: 122,
  isCommit: 123,
  isLeafHash: 124,
  isMerkle: 125,
  root: 126,
  eventCommitments: 130,
  leafCommitments: 134,
  eventIds: 138,
  leafIds: 142,
  eventPolicies: 146,
  leafPolicies: 154,
  eventInputs: 162,
  leafInputs: 170,
  eventAmounts: 178,
  leafAmounts: 180,
  eventFlags: 182,
  leafFlags: 183,
  previous: 184,
  consumed: 188,
  running: 192,
  previousRoot: 196,
  newRoot: 200,
  compliance: 204,
  flag: 205,
  phase: 206,
  eventRow: 207,
  first: 208,
  last: 209,
  batchId: 210,
  tenantId: 214,
  storeId: 218,
  sequenceStart: 222,
  sequenceEnd: 223,
  timestamp: 224,
  metadataHash: 225,
  policyHash: 229,
  policyLimit: 237,
  done: 238,
  hashState: 239,
  step: 251,
  isFinal: 252,
} as const;

/** Base of the linear accumulators (section 8.6) and of the compliance product (section 8.6 group A). */
export const ACCUMULATOR_BASE = 11n;
export const COMPLIANCE_BASE = 7n;

/**
 * Values that leave the event rows and must arrive unchanged at the leaves: accumulator columns on both sides, width,
 * and where a row's own contribution stands. Order of section 8.6 group D.
 */
export interface Accumulator {
  readonly event: number;
  readonly leaf: number;
  readonly width: number;
  readonly source: number;
  /** The contribution is source + i + 1, so that an amount's limbs count their position. */
  readonly isOffsetByPosition: boolean;
}

const c = BATCH_COLUMNS;
export const ACCUMULATORS: readonly Accumulator[] = [
  { event: c.eventCommitments, leaf: c.leafCommitments, width: 4, source: c.commitment, isOffsetByPosition: false },
  { event: c.eventIds, leaf: c.leafIds, width: 4, source: c.eventId, isOffsetByPosition: false },
  { event: c.eventPolicies, leaf: c.leafPolicies, width: 8, source: c.policyHash, isOffsetByPosition: false },
  { event: c.eventInputs, leaf: c.leafInputs, width: 8, source: c.inputHash, isOffsetByPosition: false },
  { event: c.eventAmounts, leaf: c.leafAmounts, width: 2, source: c.amount, isOffsetByPosition: true },
  { event: c.eventFlags, leaf: c.leafFlags, width: 1, source: c.flag, isOffsetByPosition: false },
];
