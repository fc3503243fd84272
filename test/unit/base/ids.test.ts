import { describe, expect, it } from "vitest";
import { timeOrderedUuid, uuidToBytes } from "../../../src/base/ids.js";

describe("a time-ordered id", () => {
  // RFC 9562, appendix A.6: the time of its example.
  const EXAMPLE_MS = 0x017f22e279b0;

  it("is a UUIDv7 of its time", () => {
    const id = timeOrderedUuid(EXAMPLE_MS);
    expect(id).toMatch(/^017f22e2-79b0-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it("sorts by time, as text and as bytes, over the whole range", () => {
    const times = [0, 1, 2 ** 32 - 1, 2 ** 32, EXAMPLE_MS, EXAMPLE_MS + 1, 2 ** 48 - 1];
    const ids = times.map(timeOrderedUuid);
    expect([...ids].sort()).toEqual(ids);
    expect([...ids].sort((a, b) => Buffer.compare(uuidToBytes(a), uuidToBytes(b)))).toEqual(ids);
  });

  it("is another one each time", () => {
    expect(new Set(Array.from({ length: 1000 }, () => timeOrderedUuid(EXAMPLE_MS))).size).toBe(1000);
  });
});
