import fc from "fast-check";
import { expect, test } from "vitest";
import { formatRfc3339, parseRfc3339 } from "../../../src/protocol/rfc3339.js";
import { TEST_SEED } from "../../support/seed.js";

test.each<[string, number]>([
  ["1970-01-01T00:00:00Z", 0],
  ["2025-12-20T17:51:10.243Z", Date.UTC(2025, 11, 20, 17, 51, 10, 243)],
  ["2025-12-20t17:51:10z", Date.UTC(2025, 11, 20, 17, 51, 10)],
  ["2025-12-20 17:51:10Z", Date.UTC(2025, 11, 20, 17, 51, 10)],
  ["2025-01-01T00:00:00+01:30", Date.UTC(2024, 11, 31, 22, 30)],
  ["2025-01-01T00:00:00-23:59", Date.UTC(2025, 0, 1, 23, 59)],
  ["2025-01-01T00:00:00+23:59", Date.UTC(2024, 11, 31, 0, 1)],
  ["2025-01-01T00:00:00\u221201:00", Date.UTC(2025, 0, 1, 1)],
  ["2025-01-01T00:00:00-00:00", Date.UTC(2025, 0, 1)],
  ["2024-02-29T00:00:00Z", Date.UTC(2024, 1, 29)],
  ["2000-02-29T00:00:00Z", Date.UTC(2000, 1, 29)],
  ["2025-01-01T12:34:60Z", Date.UTC(2025, 0, 1, 12, 35)],
  ["2025-01-01T00:00:00.1Z", Date.UTC(2025, 0, 1) + 100],
  ["2025-01-01T00:00:00.9999999999999999Z", Date.UTC(2025, 0, 1) + 999],
  [`2025-01-01T00:00:00.${"9".repeat(38)}+00:00`, Date.UTC(2025, 0, 1) + 999],
  ["0000-01-01T00:00:00Z", -62_167_219_200_000],
  ["0099-03-01T00:00:00Z", -59_037_897_600_000],
  ["9999-12-31T23:59:59.999Z", 253_402_300_799_999],
])("accepts %s", (text, ms) => {
  expect(parseRfc3339(text)).toBe(ms);
});

test.each([
  "",
  "2025-01-01",
  "2025-01-01T00:00:00",
  "2025-01-01T00:00Z",
  "2025-01-01T00:00:00.Z",
  `2025-01-01T00:00:00.${"9".repeat(39)}+00:00`,
  "2025-01-01T00:00:00,5Z",
  "2025-01-01T00:00:00 Z",
  "2025-01-01T00:00:00ZZ",
  "2025-01-01T00:00:00Z ",
  " 2025-01-01T00:00:00Z",
  "2025-01-01  00:00:00Z",
  "2025-01-01_00:00:00Z",
  "2025-01-01T24:00:00Z",
  "2025-01-01T00:60:00Z",
  "2025-01-01T00:00:61Z",
  "2025-02-29T00:00:00Z",
  "1900-02-29T00:00:00Z",
  "2025-04-31T00:00:00Z",
  "2025-00-01T00:00:00Z",
  "2025-13-01T00:00:00Z",
  "2025-01-00T00:00:00Z",
  "2025-01-32T00:00:00Z",
  "25-01-01T00:00:00Z",
  "+2025-01-01T00:00:00Z",
  "12025-01-01T00:00:00Z",
  "-025-01-01T00:00:00Z",
  "2025-1-01T00:00:00Z",
  "2025-01-01T00:00:00+24:00",
  "2025-01-01T00:00:00+00:60",
  "2025-01-01T00:00:00+0000",
  "2025-01-01T00:00:00+00",
  "2025-01-01T00:00:00+00:00:00",
  "2025-01-01T00:00:00+ 0:00",
  "٢٠٢٥-01-01T00:00:00Z",
])("refuses %j", (text) => {
  expect(parseRfc3339(text)).toBeNull();
});

test("reads every instant with a 4-digit year, in any offset, as Date does", () => {
  const instants = fc.integer({ min: -62_167_132_800_000, max: 253_402_214_400_000 });
  const offsets = fc.integer({ min: -1439, max: 1439 });
  const property = fc.property(instants, offsets, (ms, offset) => {
    const local = new Date(ms + offset * 60_000).toISOString().slice(0, -1);
    const magnitude = Math.abs(offset);
    const two = (value: number) => String(value).padStart(2, "0");
    const zone = `${offset < 0 ? "-" : "+"}${two(Math.floor(magnitude / 60))}:${two(magnitude % 60)}`;
    expect(parseRfc3339(local + zone)).toBe(ms);
    expect(parseRfc3339(formatRfc3339(ms))).toBe(ms);
  });
  fc.assert(property, { seed: TEST_SEED, numRuns: 2000 });
});

test("agrees with a pattern and a calendar on near misses", () => {
  const text = "2024-02-29T23:59:59.123+05:30";
  const edits = fc.array(fc.tuple(fc.nat(text.length), fc.constantFrom(..."0123456789-+:.TZz \u2212", "")), {
    maxLength: 3,
  });
  const property = fc.property(edits, (list) => {
    let edited = text;
    for (const [at, character] of list) edited = edited.slice(0, at) + character + edited.slice(at + 1);
    expect(parseRfc3339(edited) !== null, edited).toBe(isRfc3339(edited));
  });
  fc.assert(property, { seed: TEST_SEED, numRuns: 3000 });
});

test("formats milliseconds with a numeric offset", () => {
  expect(formatRfc3339(0)).toBe("1970-01-01T00:00:00.000+00:00");
  expect(formatRfc3339(1_766_253_070_243)).toBe("2025-12-20T17:51:10.243+00:00");
  for (const ms of [Number.NaN, 253_402_300_800_000, -62_167_219_200_001]) expect(() => formatRfc3339(ms)).toThrow();
});

function isRfc3339(text: string): boolean {
  const match =
    /^(\d{4})-(\d\d)-(\d\d)[Tt ]([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?([Zz]|[+\-\u2212]([01]\d|2[0-3]):[0-5]\d)$/.exec(
      text,
    );
  if (match === null) return false;
  const [year, month, day] = [Number(match[1]), Number(match[2]), Number(match[3])];
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
}
