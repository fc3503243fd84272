/** Transform tables for one trace length, and the low-degree extension that uses them (section 9 steps 2 and 5). */
import { DOMAIN_OFFSET } from "../field.js";
import type { Kernels, Pointer } from "../kernels.js";
import { LOG_BLOWUP } from "./options.js";

/** Columns the extension kernel transforms together; sizes its scratch. */
const COLUMN_GROUP = 8;

export class EvaluationDomain {
  readonly #kernels: Kernels;
  readonly logLength: number;
  readonly #twiddles: Pointer;
  readonly #inverseTwiddles: Pointer;
  readonly #shifts: Pointer;
  readonly #scratch: Pointer;

  constructor(kernels: Kernels, logLength: number) {
    this.#kernels = kernels;
    this.logLength = logLength;
    const { call } = kernels;
    const length = 2 ** logLength;
    const root = call.rootOfUnity(logLength);
    this.#twiddles = kernels.alloc(length * 4);
    call.fillPowers(this.#twiddles, 1n, root, length / 2);
    this.#inverseTwiddles = inverseTwiddles(kernels, logLength);
    this.#shifts = kernels.alloc(length * 8 * 2 ** LOG_BLOWUP);
    this.#scratch = kernels.alloc(length * 8 * COLUMN_GROUP);
    const fine = call.rootOfUnity(logLength + LOG_BLOWUP);
    let shift = DOMAIN_OFFSET;
    for (let coset = 0; coset < 2 ** LOG_BLOWUP; coset++) {
      call.fillPowers(this.#shifts + coset * length * 8, 1n, shift, length);
      shift = call.fieldMul(shift, fine);
    }
  }

  /** Number of points of the extension. */
  get size(): number {
    return 2 ** (this.logLength + LOG_BLOWUP);
  }

  /** Coefficient columns of a row-major matrix of n rows. */
  interpolate(matrix: Pointer, width: number): Pointer {
    const out = this.#kernels.alloc(width * 2 ** this.logLength * 8);
    this.#kernels.call.interpolateColumns(out, matrix, width, this.logLength, this.#inverseTwiddles);
    return out;
  }

  /** Row-major evaluations of coefficient columns over the extension domain. */
  extend(coefficients: Pointer, width: number): Pointer {
    const out = this.#kernels.alloc(width * this.size * 8);
    this.#kernels.call.extendColumns(
      out,
      coefficients,
      width,
      this.logLength,
      LOG_BLOWUP,
      this.#twiddles,
      this.#shifts,
      this.#scratch,
    );
    return out;
  }
}

function inverseTwiddles(kernels: Kernels, logSize: number): Pointer {
  const { call } = kernels;
  const table = kernels.alloc(2 ** logSize * 4);
  call.fillPowers(table, 1n, call.fieldInv(call.rootOfUnity(logSize)), 2 ** (logSize - 1));
  return table;
}

/** Coefficients (contiguous) of base-field values that stand `strideBytes` apart, on 7 * root^i. */
export function interpolateOnCoset(kernels: Kernels, values: Pointer, strideBytes: number, logSize: number): Pointer {
  const out = kernels.alloc(2 ** logSize * 8);
  const twiddles = inverseTwiddles(kernels, logSize);
  kernels.call.interpolate(out, values, strideBytes, logSize, twiddles, DOMAIN_OFFSET);
  return out;
}
