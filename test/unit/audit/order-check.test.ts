import { describe, expect, it } from "vitest";
import { OrderCheck } from "../../../src/audit/order-check.js";

type Entry = readonly [stream: number, sequence: number, entity: number, timeMs: number, baseVersion?: number];

/** What the check says of entries from offset 0 on. */
function judge(entries: readonly Entry[]): string | null {
  const column = (of: (entry: Entry) => number) => Float64Array.from(entries, of);
  const finding = new OrderCheck().take({
    ...{ from: 0, to: entries.length, finding: null, commands: [0, 0], leaves: new Uint8Array(), placedTo: 0 },
    kinds: column(() => 0),
    streamRefs: column(([stream]) => stream),
    sequenceNumbers: column(([, sequence]) => sequence),
    entityRefs: column(([, , entity]) => entity),
    sequencedAtMs: column(([, , , timeMs]) => timeMs),
    baseVersions: column(([, , , , baseVersion = -1]) => baseVersion),
  });
  return finding === null ? null : `${finding.offset}: ${finding.message}`;
}

describe("the order of entries", () => {
  it("is sound over streams and entities of their own, and over references no log gives out", () => {
    expect(
      judge([
        [1, 1, 1, 5],
        [2, 1, 2, 5, 0],
        [1, 2, 1, 6, 1],
        [1, 3, 3, 6],
      ]),
    ).toBeNull();
    expect(
      judge([
        [1e12, 1, 1e12, 5],
        [1e12, 2, 1e12, 5, 1],
        [-1, 1, -1, 5],
      ]),
    ).toBeNull();
  });

  it.each<[string, Entry[], string]>([
    [
      "a number left out",
      [
        [1, 1, 1, 5],
        [1, 3, 1, 5],
      ],
      "1: its sequence number is 3, the stream's next is 2",
    ],
    [
      "a number used again",
      [
        [1, 1, 1, 5],
        [1, 1, 1, 5],
      ],
      "1: its sequence number is 1, the stream's next is 2",
    ],
    ["a first number above 1", [[1, 2, 1, 5]], "0: its sequence number is 2, the stream's next is 1"],
    ["a version not reached", [[1, 1, 1, 5, 1]], "0: it asks for entity version 1, the entity was at 0"],
    [
      "a version left behind",
      [
        [1, 1, 1, 5],
        [1, 2, 1, 5, 0],
      ],
      "1: it asks for entity version 0, the entity was at 1",
    ],
    [
      "time running back",
      [
        [1, 1, 1, 5],
        [2, 1, 2, 4],
      ],
      "1: sequenced_at 4 is before the entry before it",
    ],
  ])("names %s", (_, entries, message) => expect(judge(entries)).toBe(message));
});
