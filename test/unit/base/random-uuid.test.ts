import { expect, it } from "vitest";
import { parseUuid } from "../../../src/base/ids.js";
import { randomUuid } from "../../../src/base/random-uuid.js";

/** Several draws of entropy long. */
const ids = Array.from({ length: 2000 }, () => randomUuid());

it("is a UUIDv4 in the canonical spelling, another one each time", () => {
  for (const id of ids) {
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(parseUuid(id)).toBe(id);
  }
  expect(new Set(ids).size).toBe(ids.length);
});

it("is random in every digit that is not fixed", () => {
  const seen = Array.from({ length: 36 }, (_, at) => new Set(ids.map((id) => id[at])).size);
  const fixed = new Map([8, 13, 14, 18, 23].map((at) => [at, 1])).set(19, 4);
  expect(seen).toEqual(Array.from({ length: 36 }, (_, at) => fixed.get(at) ?? 16));
});
