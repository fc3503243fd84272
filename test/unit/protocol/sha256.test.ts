import { hash } from "node:crypto";
import { afterEach, expect, test, vi } from "vitest";
import { toHex, utf8 } from "../../../src/base/bytes.js";

const ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
const EURO = "€".repeat(1000);

afterEach(() => {
  vi.restoreAllMocks();
  vi.resetModules();
});

test.each([
  ["the built-in one-shot hash", () => {}],
  [
    "createHash, before Node 20.12",
    () => mockCrypto({ createHash: process.getBuiltinModule("node:crypto").createHash }),
  ],
  ["@noble/hashes, in a browser", () => mockCrypto(undefined)],
  ["a one-shot hash without strings of units", () => mockCrypto({ hash: withoutUnits })],
])("one answer through %s", async (_name, arrange) => {
  arrange();
  const { digestColumn, sha256, sha256Text } = await import("../../../src/protocol/sha256.js");
  expect(toHex(sha256(utf8("abc")))).toBe(ABC);
  expect(toHex(sha256Text("abc"))).toBe(ABC);
  expect(sha256Text(EURO)).toEqual(sha256(utf8(EURO)));
  const column = new Uint8Array(64);
  digestColumn(column)(utf8("abc"), 32);
  expect(toHex(column)).toBe("00".repeat(32) + ABC);
  expect(Object.getPrototypeOf(sha256(utf8("abc")))).toBe(Uint8Array.prototype);
});

function withoutUnits(algorithm: string, message: Uint8Array, encoding: string): unknown {
  return hash(algorithm, message, encoding === "binary" ? "binary" : "hex");
}

function mockCrypto(crypto: object | undefined): void {
  vi.spyOn(process, "getBuiltinModule").mockReturnValue(crypto);
}
