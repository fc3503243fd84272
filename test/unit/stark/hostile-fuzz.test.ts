import { describe, expect, it } from "vitest";
import { verify } from "../../../src/stark/verify.js";
import { Random } from "../../support/fuzz/random.js";
import { TEST_SEED } from "../../support/seed.js";
import { ACCEPT_ALL, FIXTURES, fixtureProof, fixtureStatement, newKernels } from "./fixtures.js";

/** The default run is a sample; `npm run test:stark-fuzz` is the campaign of a million inputs. */
const FUZZ_INPUTS = Number(process.env.STARK_FUZZ_INPUTS ?? 20_000);
const TIMEOUT_MS = Math.max(180_000, 4 * FUZZ_INPUTS);
/** Growth of the process over the last nine tenths of a campaign: collector noise, not a leak per input. */
const RSS_GROWTH_BYTES_MAX = 96 * 1024 * 1024;

const kernels = newKernels();

/** One fuzzed input: noise, noise behind an honest head, or an honest proof with spliced, cut or overwritten parts. */
function fuzzed(random: Random, sources: readonly Uint8Array[]): Uint8Array {
  const source = random.pick(sources);
  const kind = random.below(4);
  if (kind === 0) return random.bytes(random.below(300));
  const copy = source.slice(0, kind === 1 ? 15 + random.below(400) : source.length);
  const edits = 1 + random.below(4);
  for (let i = 0; i < edits; i++) {
    const at = random.below(random.chance(0.5) ? Math.min(200, copy.length) : copy.length);
    if (kind < 3) copy[at] = random.below(256);
    else copy.copyWithin(at, random.below(copy.length), random.below(copy.length) + 64);
  }
  return copy;
}

describe("fuzzed inputs", () => {
  it(
    `${FUZZ_INPUTS} inputs: no exception, no acceptance, memory flat`,
    () => {
      const random = new Random(TEST_SEED);
      const sources = FIXTURES.map(fixtureProof);
      const statements = FIXTURES.map(fixtureStatement);
      for (const [i, source] of sources.entries()) verify(kernels, source, statements[i]!, ACCEPT_ALL);
      const arena = kernels.mark();
      const memoryBefore = kernels.call.memory.buffer.byteLength;
      const originals = new Set(sources.map((source) => Buffer.from(source).toString("latin1")));
      let rssBefore = 0;
      for (let i = 0; i < FUZZ_INPUTS; i++) {
        if (i === FUZZ_INPUTS / 10) rssBefore = process.memoryUsage.rss();
        const input = fuzzed(random, sources);
        const verdict = verify(kernels, input, statements[i % statements.length]!, ACCEPT_ALL);
        if (verdict.valid && !originals.has(Buffer.from(input).toString("latin1"))) {
          expect.fail(`seed ${TEST_SEED}: input ${i} accepted`);
        }
      }
      expect(process.memoryUsage.rss() - rssBefore).toBeLessThan(RSS_GROWTH_BYTES_MAX);
      expect(kernels.mark()).toBe(arena);
      expect(kernels.call.memory.buffer.byteLength).toBe(memoryBefore);
    },
    TIMEOUT_MS,
  );
});
