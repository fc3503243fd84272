/**
 * Tables of a point's multiples (Lim and Lee 1994), so that k P takes 15 doublings and 32 additions instead of 252 and about
 * 50 (AssemblyScript).
 *
 * k has 256 digits of +1 or -1 (`scalar.ts`). Digit 32 t + j is tooth t of column j, 8 teeth and 32 columns: k P is the sum
 * over columns j of 2^j (sum over t of digit * 2^(32 t) P). The inner sum is one of 128 entries or minus one of them. Columns
 * 16 to 31 have entries of their own, of 2^16 P, so that 16 doublings serve both halves.
 */
import { PAIR, at, carry, cross, mul, pow2 } from "./field";
import { POINT, add, decodeNegated, double, isIdentity, negateAddend, setIdentity, toAddend, toAffine, twiceDxy } from "./point";
import { recodedOrder } from "./scalar";

const TEETH: usize = 8;
const COLUMNS = 32;
export const ENTRIES: usize = 128;
/** (y - x, y + x) and 2 d x y of an affine point: 36 limbs of 32 bits, without their powers of two. */
const ENTRY: usize = 144;
const HALF: usize = ENTRIES * ENTRY;
/** Bytes of a table. */
export const TABLE: usize = 2 * HALF;

/** Room for `ENTRIES` points, and for their running products. */
export const points = memory.data(49152, 16);
export const products = memory.data(24576, 16);

const powers = memory.data(6144, 16);
const addends = memory.data(3072, 16);
const sum = memory.data(384, 16);
const entry = memory.data(384, 16);
const order = memory.data(32, 4);

/**
 * The table of MINUS the point a 32-byte encoding stands for. False, and no table, for an encoding that is not a point or
 * one that L does not take to the neutral element: an even scalar would have another multiple there than the one `recode`
 * gives it. The neutral element itself passes; that it is nobody's key is the byte check's to say.
 */
export function buildTable(table: usize, encoding: usize): bool {
  if (!decodeNegated(sum, encoding)) return false;
  // 2^(16 i) P: those with even i are teeth of the lower half, those with odd i of the upper.
  for (let i: usize = 0; i < 2 * TEETH; i++) {
    memory.copy(powers + i * POINT, sum, POINT);
    for (let k = 0; k < 16; k++) double(sum);
  }
  buildHalf(table, 0);
  buildHalf(table + HALF, 1);
  recodedOrder(order);
  setIdentity(sum);
  for (let j = COLUMNS / 2 - 1; j >= 0; j--) {
    double(sum);
    addColumns(sum, table, order, j);
  }
  toAffine(sum, products, 1);
  return isIdentity(sum);
}

function buildHalf(half: usize, parity: usize): void {
  // Entry 0: the last tooth minus all others. Then one tooth changes its sign at a time, in the order of a Gray code.
  memory.copy(sum, powers + (2 * (TEETH - 1) + parity) * POINT, POINT);
  for (let t: usize = 0; t < TEETH - 1; t++) {
    const power = powers + (2 * t + parity) * POINT;
    toAddend(entry, power);
    negateAddend(entry);
    add(sum, entry);
    memory.copy(entry, power, POINT);
    double(entry);
    toAddend(addends + t * POINT, entry);
  }
  memory.copy(points, sum, POINT);
  for (let i: usize = 1; i < ENTRIES; i++) {
    const place = i ^ (i >> 1), tooth = ctz<usize>(i);
    memory.copy(entry, addends + tooth * POINT, POINT);
    if (((place >> tooth) & 1) == 0) negateAddend(entry);
    add(sum, entry);
    memory.copy(points + place * POINT, sum, POINT);
  }
  toAffine(points, products, <i32>ENTRIES);
  for (let i: usize = 0; i < ENTRIES; i++) storeEntry(half + i * ENTRY, points + i * POINT);
}

function storeEntry(out: usize, xy: usize): void {
  twiceDxy(entry + PAIR, xy);
  cross(entry, xy);
  carry(entry, entry);
  for (let i = 0; i < 12; i++) {
    const unit = f64x2.splat(pow2(-at(i))), limb = <usize>i << 4;
    const yx = i32x4.trunc_sat_f64x2_s_zero(f64x2.mul(v128.load(entry + limb), unit));
    v128.store64_lane(out + (<usize>i << 3), yx, 0);
    const xy2d = i32x4.trunc_sat_f64x2_s_zero(f64x2.mul(v128.load(entry + PAIR + limb), unit));
    v128.store32_lane(out + 96 + (<usize>i << 2), xy2d, 0);
  }
}

/** p += the table's point times the digits of columns `j` and `j + 16`, not yet times 2^j. */
export function addColumns(p: usize, table: usize, digits: usize, j: i32): void {
  loadEntry(table + HALF, digits, j + COLUMNS / 2);
  add(p, entry);
  loadEntry(table, digits, j);
  add(p, entry);
}

/** The last tooth's digit is the sign of the whole; the others say where they are like it. */
function loadEntry(half: usize, digits: usize, column: i32): void {
  let place: usize = 0;
  for (let t: usize = 0; t < TEETH; t++) place |= <usize>((load<u32>(digits + (t << 2)) >> column) & 1) << t;
  const isNegative = place < ENTRIES;
  if (isNegative) place = ~place;
  const from = half + (place & (ENTRIES - 1)) * ENTRY;
  // Minus the point: y - x and y + x change places and 2 d x y its sign.
  const mask = i64x2.splat(isNegative ? -1 : 0);
  const sign = f64x2.splat(isNegative ? -1 : 1);
  for (let i = 0; i < 12; i++) {
    const weight = f64x2.splat(pow2(at(i))), limb = <usize>i << 4;
    const yx = f64x2.mul(f64x2.convert_low_i32x4_s(v128.load64_zero(from + (<usize>i << 3))), weight);
    const xy = v128.shuffle<f64>(yx, yx, 1, 0);
    v128.store(entry + limb, v128.bitselect(xy, yx, mask));
    const xy2d = f64x2.convert_low_i32x4_s(v128.load32_zero(from + 96 + (<usize>i << 2)));
    v128.store(entry + PAIR + limb, f64x2.mul(f64x2.mul(xy2d, weight), sign));
  }
  store<f64>(entry + PAIR, 2, 8);
}
