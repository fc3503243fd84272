/** The composition polynomial: all constraints, weighted and divided (section 9 steps 4 and 5). */
import type { Kernels, Pointer } from "../kernels.js";
import type { Air } from "./air.js";
import { type EvaluationDomain, interpolateOnCoset } from "./evaluation-domain.js";
import { packAssertions } from "./ood-check.js";
import { LOG_BLOWUP } from "./options.js";

/** Points the program runs on at once; fixed in the kernel. */
const BLOCK = 32;
const BLOCK_BYTES = BLOCK * 8;

/**
 * Coefficients of H as limb columns (one per extension degree); an honest trace leaves those from `compositionColumns * n`
 * on zero, a dishonest one is found out by whoever verifies. `extended` is the trace
 * over the extension domain, `coefficients` the transition then boundary weights.
 */
export function compose(
  kernels: Kernels,
  air: Air,
  domain: EvaluationDomain,
  extended: Pointer,
  coefficients: Pointer,
  degree: 1 | 2,
): Pointer[] {
  const { logTraceLength, logCompositionBlowup } = air.shape;
  const logSize = logTraceLength + logCompositionBlowup;
  const values = kernels.alloc(2 ** logSize * 16);
  const job = kernels.putWords(compositionJob(kernels, air, domain, extended, coefficients));
  const { call } = kernels;
  const last = call.fieldInv(call.rootOfUnity(logTraceLength));
  call.evaluateComposition(values, job, logSize, LOG_BLOWUP - logCompositionBlowup, call.rootOfUnity(logSize), last);

  const limbs: Pointer[] = [];
  for (let limb = 0; limb < degree; limb++) {
    const column = interpolateOnCoset(kernels, values + limb * 2 ** logSize * 8, 8, logSize);
    limbs.push(column);
  }
  return limbs;
}

/** The kernel's job table; its layout is documented at `evaluateComposition`. */
function compositionJob(
  kernels: Kernels,
  air: Air,
  domain: EvaluationDomain,
  extended: Pointer,
  coefficients: Pointer,
): number[] {
  const { program, periodic, shape } = air;
  const registers = kernels.alloc(program.registers * BLOCK_BYTES);
  const gather: number[] = [];
  const periodicGather: number[] = [];
  for (const { kind, register, index, value } of program.inputs) {
    if (kind === "current" || kind === "next") gather.push(register, index, kind === "next" ? 1 : 0);
    else if (kind === "periodic") periodicGather.push(register, index, 0);
    else {
      const constant = kind === "parameter" ? air.parameters[index]! : value;
      kernels.elements(registers + register * BLOCK_BYTES, BLOCK).fill(constant);
    }
  }
  const table = kernels.putElements(periodic.values);
  const periodicExtended = domain.extend(domain.interpolate(table, periodic.width), periodic.width);
  const { assertions, steps } = packAssertions(kernels, air);
  const root = kernels.call.rootOfUnity(shape.logTraceLength);
  const points = kernels.alloc(steps.length * 8);
  for (const [i, step] of steps.entries()) {
    kernels.elements(points + 8 * i, 1)[0] = kernels.call.fieldPow(root, BigInt(step));
  }
  return [
    kernels.putWords(program.instructions),
    program.instructions.length / 4,
    registers,
    coefficients,
    program.constraints,
    extended,
    shape.width,
    kernels.putWords(gather),
    gather.length / 3,
    periodicExtended,
    kernels.putWords(periodicGather),
    periodicGather.length / 3,
    assertions,
    air.assertions.length,
    points,
    shape.logTraceLength,
    kernels.alloc(BLOCK * (8 + 16 + 16)),
  ];
}
