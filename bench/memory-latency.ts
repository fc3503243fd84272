/**
 * What a neighbour on the host costs that no clock of ours shows: it fills the processors' shared cache. Ed25519 runs from
 * registers and does not notice; a service lives in this cache.
 */

const WORDS = 4 * 1024 * 1024;
const LOADS = 1_000_000;

/** Nanoseconds of one load that depends on the last, all over 16 MiB: beyond a core's own cache, within the shared one. */
export function measureMemoryLatencyNs(): number {
  const next = oneCycle(WORDS);
  const startedMs = performance.now();
  let at = 0;
  for (let i = 0; i < LOADS; i++) at = next[at]!;
  const ns = ((performance.now() - startedMs) * 1_000_000) / LOADS;
  if (at < 0) throw new Error("unreachable: keeps the loop alive");
  return ns;
}

/** A random order in which each word names the next and all are visited (Sattolo). */
function oneCycle(words: number): Int32Array {
  const next = Int32Array.from({ length: words }, (_, index) => index);
  for (let i = words - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * i);
    [next[i], next[j]] = [next[j]!, next[i]!];
  }
  return next;
}
