import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { endOfCanonical } from "../../../src/audit/canonical-scan.js";
import { canonicalJson, type JsonValue } from "../../../src/protocol/canonical-json.js";
import { TEST_SEED } from "../../support/seed.js";

const end = (text: string, from = 0): number => {
  const bytes = Buffer.from(text);
  return endOfCanonical(bytes, from, bytes.length);
};

describe("canonical scan", () => {
  it.each([
    ...["{}", "[]", '""', "0", "-1", "999999999999999", "10.5", "1e+21", "5e-324", "true", "false", "null"],
    ...['{"a":1,"b":[{"c":"é🦊"},"",[]]}', '{"":1,"a":1,"aa":2}', '[0.1,-0.5,"\u007f\u2028"]'],
  ])("knows %s", (text) => expect(end(text)).toBe(Buffer.byteLength(text)));

  it.each([
    ...["", " 1", "{ }", "[1,]", "[,1]", "[1 ,2]", '{"a":1,}', '{"a" :1}', "01", "-0", "-", "1.0", "1e21", "+1"],
    ...[
      '{"b":1,"a":2}',
      '{"a":1,"a":2}',
      '{"aa":1,"a":2}',
      '{"a"}',
      '{"a":}',
      "{1:2}",
      "[",
      "{",
      '"',
      '"a',
      "tru",
      "nul",
    ],
    ...['"\n"', '"\\n"', '{"é":1}', "1.", ".5", "1e", "Infinity", "NaN", "1.5.5", "--1", "1234567890123456.5e1"],
  ])("leaves %j to a full reading", (text) => expect(end(text)).toBe(-1));

  it("stops behind the value, before what follows", () => {
    expect(end('x{"a":1},"b"', 1)).toBe(8);
    expect(end("12,3")).toBe(2);
  });

  it("does not look past its end, wherever that is", () => {
    const bytes = Buffer.from('{"a":[1,true,"b"],"c":{"d":-12.5}}');
    for (let to = 0; to < bytes.length; to++) expect(endOfCanonical(bytes, 0, to)).toBe(-1);
  });

  it("leaves deep nesting alone", () => {
    expect(end("[".repeat(32) + "]".repeat(32))).toBe(64);
    expect(end("[".repeat(33) + "]".repeat(33))).toBe(-1);
  });

  it("never takes what the canonical writer would write otherwise", () => {
    const one = fc.tuple(fc.jsonValue(), fc.nat(), fc.string({ unit: "binary-ascii", maxLength: 2 }), fc.boolean());
    fc.assert(
      fc.property(one, ([value, at, patch, isPatched]) => {
        const sound = canonicalJson(value as JsonValue);
        const cut = at % (sound.length + 1);
        const text = isPatched ? sound.slice(0, cut) + patch + sound.slice(cut + 1) : JSON.stringify(value);
        if (end(text) === Buffer.byteLength(text)) expect(canonicalJson(JSON.parse(text))).toBe(text);
      }),
      { seed: TEST_SEED, numRuns: 5000 },
    );
  });
});
