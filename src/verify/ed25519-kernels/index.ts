/**
 * Ed25519 verification with tables of the keys' multiples (AssemblyScript). Of public values only: nothing here takes the
 * same time for all of them.
 */
import { ENTRIES, TABLE, addColumns, buildTable, points, products } from "./comb";
import { POINT, double, isEncoding, setIdentity, startPoints, toAffine } from "./point";
import { recode, reduce } from "./scalar";
import { sha512Of96 } from "./sha512";

/** A check: R, A, the 32-byte message, S, then where A's table is and, at the end, the verdict. */
export const CHECK_BYTES: usize = 144;
/** Checks of one call. */
export const CHECKS_MAX: usize = ENTRIES;
export const TABLE_BYTES: usize = TABLE;

/** B, with the sign bit set: tables are of the negated point. */
const MINUS_BASE = memory.data<u64>([0x6666666666666658, 0x6666666666666666, 0x6666666666666666, 0xe666666666666666]);
const baseTable = memory.data(36864, 16);
const digest = memory.data(64, 8);
const challenge = memory.data(32, 8);
const response = memory.data(32, 8);

/** To be called once, before anything else. */
export function start(): void {
  startPoints();
  buildTable(baseTable, MINUS_BASE);
}

export { buildTable };
/** The parts, for tests against integers of any size. */
export { fromBytes, invert, mul, toBytes } from "./field";
export { reduce, sha512Of96 };

/** Where static data ends: the checks and the tables are kept from there. */
export const heapBase: usize = __heap_base;

/**
 * Sets the verdict of each check: 1 = R is the canonical encoding of [S]B - [k]A, k = SHA-512(R || A || message) mod L.
 * `count` is 1 to CHECKS_MAX. S < L has been seen to.
 */
export function verify(checks: usize, count: i32): void {
  for (let i: usize = 0; i < <usize>count; i++) {
    const check = checks + i * CHECK_BYTES;
    sha512Of96(digest, check);
    reduce(challenge, digest);
    memory.copy(response, check + 96, 32);
    recode(challenge);
    recode(response);
    evaluate(points + i * POINT, load<u32>(check, 128));
  }
  toAffine(points, products, count);
  for (let i: usize = 0; i < <usize>count; i++) {
    const check = checks + i * CHECK_BYTES;
    store<u32>(check, isEncoding(check, points + i * POINT) ? 1 : 0, 132);
  }
}

/** out = [response]B + [challenge](-A). */
function evaluate(out: usize, table: usize): void {
  setIdentity(out);
  for (let j = 15; j >= 0; j--) {
    double(out);
    addColumns(out, table, challenge, j);
    addColumns(out, baseTable, response, j);
  }
}
