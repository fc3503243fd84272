/** Time is an argument, so that a seeded simulation can run the whole service. */
export interface Clock {
  /** Milliseconds since the Unix epoch. May step backwards: whoever needs order keeps its own maximum. */
  nowMs(): number;
}

export const systemClock: Clock = { nowMs: () => Date.now() };
