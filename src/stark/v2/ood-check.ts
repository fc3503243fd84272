/**
 * Verification at the out-of-domain point (section 3.4): the composition polynomial computed from the claimed trace
 * values must equal the one the prover committed to.
 */
import { DOMAIN_OFFSET, rootOfUnity } from "../field.js";
import type { Kernels, Pointer } from "../kernels.js";
import { type Refusal, refuse } from "../refusal.js";
import type { Air } from "./air.js";
import { LOG_BLOWUP } from "./options.js";

/** Claimed values at z, 16-byte elements: T(z) and T(zg) interleaved per column, then the composition columns. */
export interface OodValues {
  readonly z: Pointer;
  readonly trace: Pointer;
  readonly parts: Pointer;
}

/** Lays an AIR's boundary out for the kernels: 16 bytes per assertion, and the step of each group. */
export function packAssertions(kernels: Kernels, air: Air): { assertions: Pointer; steps: number[] } {
  const assertions = kernels.alloc(air.assertions.length * 16);
  const values = kernels.elements(assertions, air.assertions.length * 2);
  const words = kernels.words(assertions, air.assertions.length * 4);
  const steps: number[] = [];
  for (const [i, { step, column, value }] of air.assertions.entries()) {
    if (steps.at(-1) !== step) steps.push(step);
    values[2 * i] = value;
    words[4 * i + 2] = column;
    words[4 * i + 3] = steps.length - 1;
  }
  return { assertions, steps };
}

/** Null if the claimed values satisfy every constraint under `coefficients` (transition, then boundary). */
export function checkOutOfDomain(kernels: Kernels, air: Air, values: OodValues, coefficients: Pointer): Refusal | null {
  const composition = composeAt(kernels, air, values, coefficients);
  if (typeof composition !== "number") return composition;
  const zPower = kernels.alloc(16);
  kernels.call.extPow2k(zPower, values.z, air.shape.logTraceLength);
  const claimed = kernels.alloc(16);
  kernels.call.evaluateExt(claimed, values.parts, air.shape.compositionColumns, zPower);
  const [a, b] = kernels.elements(composition, 2);
  const [c, d] = kernels.elements(claimed, 2);
  return a === c && b === d ? null : refuse("OOD_INCONSISTENT", "constraints do not hold at the out-of-domain point");
}

/** The composition polynomial's value at z that the claimed trace values imply (H1 of section 3.4). */
export function composeAt(
  kernels: Kernels,
  air: Air,
  values: Omit<OodValues, "parts">,
  coefficients: Pointer,
): Pointer | Refusal {
  const { call } = kernels;
  const { logTraceLength } = air.shape;
  const composition = kernels.alloc(16);
  const fault = composeTransition(kernels, air, values, coefficients, composition);
  if (fault !== null) return fault;
  if (!divideTransition(kernels, logTraceLength, values.z, composition)) return degenerate();

  const { assertions, steps } = packAssertions(kernels, air);
  const root = rootOfUnity(logTraceLength);
  const inverses = kernels.alloc(steps.length * 16);
  for (const [group, step] of steps.entries()) {
    subtractBase(kernels, inverses + 16 * group, values.z, call.fieldPow(root, BigInt(step)));
  }
  if (call.extInvBatch(inverses, steps.length, kernels.alloc(steps.length * 16)) === 0) return degenerate();
  const frame = everyOther(kernels, values.trace, air.shape.width);
  const boundary = coefficients + 16 * air.program.constraints;
  call.addBoundaryExt(composition, assertions, air.assertions.length, frame, boundary, inverses);
  return composition;
}

/** composition = sum of coefficient * constraint over the transition constraints. */
function composeTransition(
  kernels: Kernels,
  air: Air,
  values: Omit<OodValues, "parts">,
  coefficients: Pointer,
  composition: Pointer,
): Refusal | null {
  const { program, periodic, shape } = air;
  const scratch = kernels.alloc(2 ** shape.logTraceLength * 32);
  const periodicAt = kernels.alloc(periodic.width * 16);
  const table = kernels.putElements(periodic.values);
  const { call } = kernels;
  if (call.evaluatePeriodic(periodicAt, table, periodic.width, shape.logTraceLength, values.z, scratch) === 0) {
    return degenerate();
  }
  const instructions = kernels.putWords(program.instructions);
  const registers = kernels.alloc(program.registers * 16);
  const all = kernels.elements(registers, program.registers * 2);
  const trace = kernels.elements(values.trace, shape.width * 4);
  const periodicValues = kernels.elements(periodicAt, periodic.width * 2);
  for (const { kind, register, index, value } of program.inputs) {
    let source: readonly [bigint, bigint] = [value, 0n];
    if (kind === "current") source = [trace[4 * index]!, trace[4 * index + 1]!];
    else if (kind === "next") source = [trace[4 * index + 2]!, trace[4 * index + 3]!];
    else if (kind === "periodic") source = [periodicValues[2 * index]!, periodicValues[2 * index + 1]!];
    else if (kind === "parameter") source = [air.parameters[index]!, 0n];
    all[2 * register] = source[0];
    all[2 * register + 1] = source[1];
  }
  call.runProgramExt(composition, instructions, program.instructions.length / 4, registers, coefficients);
  return null;
}

/** composition *= (z - g^(n-1)) / (z^n - 1). False if z^n = 1. */
function divideTransition(kernels: Kernels, logTraceLength: number, z: Pointer, composition: Pointer): boolean {
  const { call } = kernels;
  const vanishing = kernels.alloc(16);
  call.extPow2k(vanishing, z, logTraceLength);
  subtractBase(kernels, vanishing, vanishing, 1n);
  if (isZero(kernels, vanishing)) return false;
  call.extInv(vanishing, vanishing);
  const exemption = kernels.alloc(16);
  subtractBase(kernels, exemption, z, call.fieldInv(rootOfUnity(logTraceLength)));
  call.extMul(composition, composition, exemption);
  call.extMul(composition, composition, vanishing);
  return true;
}

/** True if z or z*g could coincide with a point of the low-degree extension domain (section 3.4, strict rule). */
export function isInsideDomain(kernels: Kernels, z: Pointer, logTraceLength: number): boolean {
  const [, second] = kernels.elements(z, 2);
  if (second !== 0n) return false;
  const { call } = kernels;
  const logDomain = logTraceLength + LOG_BLOWUP;
  const scaled = call.fieldMul(kernels.elements(z, 1)[0]!, call.fieldInv(DOMAIN_OFFSET));
  return BigInt.asUintN(64, call.fieldPow(scaled, 1n << BigInt(logDomain))) === 1n;
}

function subtractBase(kernels: Kernels, out: Pointer, element: Pointer, scalar: bigint): void {
  const [a, b] = kernels.elements(element, 2);
  const target = kernels.elements(out, 2);
  target[0] = kernels.call.fieldSub(a!, scalar);
  target[1] = b!;
}

function isZero(kernels: Kernels, element: Pointer): boolean {
  const [a, b] = kernels.elements(element, 2);
  return a === 0n && b === 0n;
}

/** T(z) alone out of the interleaved frame. */
function everyOther(kernels: Kernels, frame: Pointer, width: number): Pointer {
  const out = kernels.alloc(width * 16);
  const from = kernels.elements(frame, width * 4);
  const to = kernels.elements(out, width * 2);
  for (let i = 0; i < width; i++) {
    to[2 * i] = from[4 * i]!;
    to[2 * i + 1] = from[4 * i + 1]!;
  }
  return out;
}

function degenerate(): Refusal {
  return refuse("DEGENERATE_POINT", "the out-of-domain point lies in an evaluation domain");
}
