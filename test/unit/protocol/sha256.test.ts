import { afterEach, expect, test, vi } from "vitest";
import { toHex, utf8 } from "../../../src/base/bytes.js";

const ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
const EURO = "€".repeat(1000);

afterEach(() => {
  vi.unstubAllGlobals();
  vi.resetModules();
});

test.each([
  ["the built-in one-shot hash", () => {}],
  ["createHash, before Node 20.12", () => stubNodeCrypto((crypto) => ({ createHash: crypto.createHash }))],
  ["@noble/hashes, in a browser", () => vi.stubGlobal("process", undefined)],
])("one answer through %s", async (_name, arrange) => {
  arrange();
  const { sha256, sha256Text } = await import("../../../src/protocol/sha256.js");
  expect(toHex(sha256(utf8("abc")))).toBe(ABC);
  expect(toHex(sha256Text("abc"))).toBe(ABC);
  expect(sha256Text(EURO)).toEqual(sha256(utf8(EURO)));
  expect(Object.getPrototypeOf(sha256(utf8("abc")))).toBe(Uint8Array.prototype);
});

function stubNodeCrypto(replace: (crypto: typeof import("node:crypto")) => object): void {
  const crypto = process.getBuiltinModule("node:crypto");
  vi.stubGlobal("process", { ...process, getBuiltinModule: () => replace(crypto) });
}
