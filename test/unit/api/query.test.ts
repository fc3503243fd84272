import { describe, expect, it } from "vitest";
import { cappedInteger, optionalText, optionalUuid, requiredUuid } from "../../../src/api/query.js";

const ID = "11111111-1111-4111-8111-111111111111";
const asked = (text: string) => new URLSearchParams(text);
const refused = (code: string, message: string) => expect.objectContaining({ code, message });

it("a parameter that is given twice is refused: what one of them names must not be what another reads", () => {
  const twice = refused("INVALID_FIELD_VALUE", "query parameter a is given more than once");
  const bounds = { default: 1, min: 0, max: 9 };
  for (const read of [optionalText, optionalUuid, requiredUuid]) {
    expect(() => read(asked(`a=${ID}&b=1&a=${ID}`), "a")).toThrow(twice);
  }
  expect(() => cappedInteger(asked("a=1&a=1"), "a", bounds)).toThrow(twice);
  expect(optionalText(asked("a=1&b=2&b=3"), "a")).toBe("1");
});

it("an id is a UUID, and missing only where that is allowed", () => {
  expect([optionalUuid(asked(`a=${ID}`), "a"), requiredUuid(asked(`a=${ID}`), "a")]).toEqual([ID, ID]);
  expect([optionalUuid(asked("b=1"), "a"), optionalText(asked("a="), "a")]).toEqual([null, ""]);
  for (const read of [optionalUuid, requiredUuid]) {
    expect(() => read(asked("a="), "a")).toThrow(refused("INVALID_FIELD_VALUE", "query parameter a must be a UUID"));
  }
  const missing = refused("MISSING_REQUIRED_FIELD", "query parameter a is required");
  expect(() => requiredUuid(asked(`b=${ID}`), "a")).toThrow(missing);
});

describe("a number", () => {
  const bounds = { default: 7, min: 2, max: 9 };

  it.each([
    ["", 7],
    ["a=2", 2],
    ["a=002", 2],
    ["a=9", 9],
    ["a=10", 9],
    ["a=99999999999999999999", 9],
  ])("%j is %d", (query, expected) => {
    expect(cappedInteger(asked(query), "a", bounds)).toBe(expected);
  });

  it.each([
    ["a=1", "must be at least 2"],
    ["a=", "must be a non-negative integer"],
    ["a=-3", "must be a non-negative integer"],
    ["a=3.0", "must be a non-negative integer"],
    ["a=3e0", "must be a non-negative integer"],
    ["a=%203", "must be a non-negative integer"],
    ["a=999999999999999999999", "must be a non-negative integer"],
  ])("%j is refused", (query, problem) => {
    expect(() => cappedInteger(asked(query), "a", bounds)).toThrow(
      refused("INVALID_FIELD_VALUE", `query parameter a ${problem}`),
    );
  });
});
