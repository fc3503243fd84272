import { describe, expect, it } from "vitest";
import { FlowTable } from "../../../src/base/flow-table.js";
import { Slots } from "../../../src/base/slots.js";
import { Random } from "../../support/fuzz/random.js";
import { TEST_SEED } from "../../support/seed.js";

describe("slots", () => {
  it.each([1, 2, 3, 64, 100])("give each of %d values back once, under its own number", (valuesMax) => {
    const random = new Random(TEST_SEED);
    const slots = new Slots<string>(valuesMax);
    const model = new Map<number, string>();
    const taken: number[] = [];
    for (let i = 0; i < 5_000; i++) {
      if (model.size < valuesMax && random.chance(0.55)) {
        const number = slots.add(`value ${i}`);
        expect(model.has(number), `seed ${TEST_SEED}`).toBe(false);
        expect(number).toBe(number >>> 0);
        model.set(number, `value ${i}`);
      } else if (model.size > 0) {
        const number = random.pick([...model.keys()]);
        expect(slots.take(number), `seed ${TEST_SEED}`).toBe(model.get(number));
        model.delete(number);
        taken.push(number);
      }
      expect(slots.size).toBe(model.size);
      const old = taken.at(-1 - random.below(200));
      if (old !== undefined && !model.has(old)) expect(slots.take(old), `seed ${TEST_SEED}`).toBeUndefined();
    }
    for (const number of [-1, 0.5, 2 ** 32, Number.NaN]) expect(slots.take(number)).toBeUndefined();
  });

  it("give numbers that come round after 2^32 and never name another value meanwhile", () => {
    const slots = new Slots<number>(2 ** 24);
    const numbers = Array.from({ length: 600 }, (_, i) => {
      const number = slots.add(i);
      expect(slots.take(number)).toBe(i);
      return number;
    });
    expect(new Set(numbers.slice(0, 256)).size).toBe(256);
    expect(numbers[256]).toBe(numbers[0]);
    expect(Math.max(...numbers)).toBeLessThan(2 ** 32);
  });

  it("hold as many values as was said, and no more than their power of two", () => {
    const slots = new Slots<number>(3);
    for (let i = 0; i < 4; i++) slots.add(i);
    expect(() => slots.add(4)).toThrow("more values");
  });
});

describe("a flow table", () => {
  it("keeps what is busy and is bounded by it, however many names come by", () => {
    const table = new FlowTable(
      () => ({ uses: 0 }),
      ({ uses }) => uses === 0,
    );
    const busy = Array.from({ length: 2_000 }, (_, i) => {
      const flow = table.of(`busy ${i}`);
      flow.uses = 1;
      return flow;
    });
    for (let i = 0; i < 20_000; i++) table.of(`passing ${i}`);
    expect(table.size).toBeLessThanOrEqual(4_001);
    expect(busy.every((flow, i) => table.of(`busy ${i}`) === flow)).toBe(true);
    for (const flow of busy) flow.uses = 0;
    for (let i = 0; i < 20_000; i++) table.of(`later ${i}`);
    expect(table.size).toBeLessThanOrEqual(1_024);
  });
});
