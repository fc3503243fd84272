/**
 * Seed of every random test: `TEST_SEED`, a number or `random`. Without it always 1, so that two runs of one commit try the same
 * cases and a red run means the change; campaigns run with `random`.
 */
export const TEST_SEED: number = chosen(process.env.TEST_SEED ?? "1");

function chosen(text: string): number {
  const seed = text === "random" ? Math.floor(Math.random() * 2 ** 31) : Number(text);
  if (!Number.isInteger(seed) || seed < 0) throw new TypeError(`TEST_SEED is a whole number or "random", not ${text}`);
  if (text === "random") console.log(`TEST_SEED=${seed}`);
  return seed;
}
