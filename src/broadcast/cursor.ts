/**
 * Cursor policy, the same for WebSocket and HTTP. A cursor is the offset of the next entry wanted; it may
 * name the log it belongs to.
 */
import { CodedError } from "../base/errors.js";
import type { LogHead } from "../store/contract.js";

const U64 = /^(0|[1-9][0-9]{0,19})$/;
const U64_MAX = 0xffff_ffff_ffff_ffffn;

/**
 * `from_offset` (default 0), checked against `log_id` and `epoch` where given and against the head. Throws
 * CURSOR_MALFORMED, LOG_MISMATCH, CURSOR_IN_FUTURE. A cursor equal to the head is fine: it waits for the next entry.
 */
export function readCursor(query: URLSearchParams, head: LogHead): number {
  const offset = parseU64("from_offset", single(query, "from_offset") ?? "0");
  checkLog(query, head);
  if (offset > BigInt(head.nextOffset)) {
    throw new CodedError("CURSOR_IN_FUTURE", `offset ${offset} is beyond the head ${head.nextOffset}`, {
      members: { next_offset: head.nextOffset },
    });
  }
  return Number(offset);
}

/** Refuses a catch-up longer than `catchUpMax` entries with CURSOR_TOO_OLD; 0 = no limit. */
export function limitCatchUp(fromOffset: number, head: LogHead, catchUpMax: number): void {
  const behind = head.nextOffset - fromOffset;
  if (catchUpMax === 0 || behind <= catchUpMax) return;
  throw new CodedError(
    "CURSOR_TOO_OLD",
    `offset ${fromOffset} is ${behind} entries behind, more than ${catchUpMax}: read GET /api/v1/log up to there first`,
    { members: { next_offset: head.nextOffset, catch_up_max: catchUpMax } },
  );
}

function parseU64(name: string, text: string): bigint {
  const value = U64.test(text) ? BigInt(text) : U64_MAX + 1n;
  if (value <= U64_MAX) return value;
  throw new CodedError("CURSOR_MALFORMED", `${name} must be an integer from 0 to ${U64_MAX}`);
}

/** A cursor given twice is ambiguous: guessing one of the two could skip entries. */
function single(query: URLSearchParams, name: string): string | null {
  const values = query.getAll(name);
  if (values.length > 1) throw new CodedError("CURSOR_MALFORMED", `${name} is given more than once`);
  return values[0] ?? null;
}

function checkLog(query: URLSearchParams, head: LogHead): void {
  const logId = single(query, "log_id");
  const epochText = single(query, "epoch");
  const epoch = epochText === null ? null : parseU64("epoch", epochText);
  const isOther =
    (logId !== null && logId.toLowerCase() !== head.logId) || (epoch !== null && epoch !== BigInt(head.epoch));
  if (!isOther) return;
  throw new CodedError("LOG_MISMATCH", "this cursor belongs to another log or to an epoch before a restore", {
    members: { log_id: head.logId, epoch: head.epoch },
  });
}
