/** Places in memory against a plain list of them. */
import { describe, expect, it } from "vitest";
import { type Place, PlaceGeneration, RecentPlaces } from "../../../src/store/recent-places.js";
import { Random } from "../../support/fuzz/random.js";
import { PlaceMaker } from "../../support/place-maker.js";
import { TEST_SEED } from "../../support/seed.js";

const hex = (id: Uint8Array): string => Buffer.from(id).toString("hex");

describe(`recent places (seed ${TEST_SEED})`, () => {
  it.each([1, 2, 3, 8, 64])("of %d to a generation find what was added and not forgotten, and nothing else", (size) => {
    const random = new Random(TEST_SEED + size);
    // All that is there is looked for after each step.
    for (let run = 0; run < (size > 8 ? 2 : 10); run++) {
      const maker = new PlaceMaker(random, random.pick([0, 7, 2 ** 33]));
      const recent = new RecentPlaces(size);
      expect(recent.endOffset).toBeNull();
      let begin = maker.firstOffset;
      for (let step = 0; step < 40; step++) {
        const chunk = maker.chunk(1 + random.below(2 * size));
        for (const place of chunk) recent.add(place);
        maker.keep(chunk);
        if (random.chance(0.3)) {
          const offset = begin + random.below(maker.endOffset - begin + 1);
          recent.forgetBelow(offset);
          // Whole generations only, and none that reaches to the offset or beyond it.
          begin += Math.floor((offset - begin) / size) * size;
          if (offset === maker.endOffset) begin = offset;
        }
        expectSame(recent, maker, begin, size);
        if (begin === maker.endOffset) break;
      }
    }
  });

  it("of a generation come sorted, all of them, as many at a time as are wanted", () => {
    const random = new Random(TEST_SEED);
    for (const count of [1, 2, 63, 64, 65, 300]) {
      const maker = new PlaceMaker(random, 5);
      maker.keep(maker.chunk(count));
      const generation = new PlaceGeneration(5, count);
      for (const place of maker.places) generation.add(place);
      expect(generation.isFull).toBe(true);
      for (const idsMax of [1, 7, 64]) {
        const merged = [...generation.idsInOrder(idsMax)];
        expect(Math.max(...merged.map(({ offsets }) => offsets.length))).toBeLessThanOrEqual(idsMax);
        const found = merged.flatMap(({ ids, offsets }) =>
          offsets.map((offset, at) => [offset, hex(ids.subarray(16 * at, 16 * at + 16))] as const),
        );
        expect(new Map(found)).toEqual(new Map(maker.places.map(({ offset, eventId }) => [offset, hex(eventId)])));
        const firstBytes = found.map(([, id]) => id.slice(0, 8));
        expect(firstBytes).toEqual([...firstBytes].sort());
      }
      const runs = generation.runsInOrder();
      const keys = runs.map(({ streamRef, kind }) => [streamRef, kind]);
      expect(keys).toEqual([...keys].sort((a, b) => a[0]! - b[0]! || a[1]! - b[1]!));
      expect(runs.flatMap(({ offsets }) => offsets).sort((a, b) => a - b)).toEqual(
        maker.places.map(({ offset }) => offset),
      );
    }
  });

  it("refuse what no log has: an id twice, a number left out, an offset left out", () => {
    const place: Place = { offset: 0, eventId: new Uint8Array(16), streamRef: 1, kind: 0, sequenceNumber: 1 };
    const second = { ...place, offset: 1, eventId: new Uint8Array(16).fill(1), sequenceNumber: 2 };
    for (const wrong of [
      { ...second, eventId: place.eventId },
      { ...second, sequenceNumber: 3 },
      { ...second, sequenceNumber: 1 },
      { ...second, offset: 2 },
      { ...second, offset: 0 },
      { ...second, eventId: new Uint8Array(15) },
    ]) {
      const recent = new RecentPlaces(4);
      recent.add(place);
      expect(() => {
        recent.add(wrong);
        recent.offsetOfEvent(wrong.eventId);
      }).toThrow();
    }
  });
});

function expectSame(recent: RecentPlaces, maker: PlaceMaker, begin: number, size: number): void {
  const kept = maker.places.slice(begin - maker.firstOffset);
  const where = `seed ${TEST_SEED}, ${size} to a generation, ${kept.length} kept`;
  expect(recent.endOffset, where).toBe(kept.length === 0 ? null : maker.endOffset);
  expect(recent.complete.length, where).toBe(Math.floor(kept.length / size));
  for (const { offset, eventId } of maker.places) {
    expect(recent.offsetOfEvent(eventId), where).toBe(offset < begin ? undefined : offset);
  }
  for (let i = 0; i < 10; i++) expect(recent.offsetOfEvent(maker.unknownId()), where).toBeUndefined();
  for (let streamRef = 0; streamRef <= maker.streams + 1; streamRef++) {
    for (const kind of [0, 1]) {
      const own = kept.filter((place) => place.streamRef === streamRef && place.kind === kind);
      const runs = recent.runs(streamRef, kind);
      const numbered = runs.flatMap(({ firstNumber, offsets }) =>
        offsets.map((offset, at) => [firstNumber + at, offset]),
      );
      expect(numbered, where).toEqual(own.map(({ sequenceNumber, offset }) => [sequenceNumber, offset]));
    }
  }
}
