import { readdirSync, readFileSync } from "node:fs";
import { afterEach, expect, test, vi } from "vitest";

const FOLDER = new URL("../../../src/protocol/", import.meta.url);
const ALLOWED = /^(\.\/[a-z0-9-]+\.js|\.\.\/base\/(assert|base64|bytes|errors|ids)\.js|@noble\/.+|hpke-js)$/;

const files = readdirSync(FOLDER).filter((name) => name.endsWith(".ts"));

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
  vi.resetModules();
});

test.each(files)("%s imports nothing a browser lacks", (name) => {
  const source = readFileSync(new URL(name, FOLDER), "utf8");
  const specifiers = [...source.matchAll(/^(?:import|export)[^;]*?from "([^"]+)";/gms)].map((match) => match[1]!);
  for (const specifier of specifiers) expect(specifier).toMatch(ALLOWED);
});

test("signs, verifies and reads without built-in modules and Buffer", async () => {
  vi.spyOn(process, "getBuiltinModule").mockReturnValue(undefined);
  vi.stubGlobal("Buffer", undefined);
  const { nobleEd25519 } = await import("../../../src/protocol/ed25519.js");
  const { eventSigningHash } = await import("../../../src/protocol/event-signing.js");
  const { JsonCursor } = await import("../../../src/protocol/strict-json.js");
  const { NIL_UUID } = await import("../../../src/base/ids.js");
  const hash = eventSigningHash({
    vesVersion: 1,
    tenantId: NIL_UUID,
    storeId: NIL_UUID,
    eventId: NIL_UUID,
    sourceAgentId: NIL_UUID,
    agentKeyId: 0,
    entityType: "é",
    entityId: "",
    eventType: "",
    createdAt: "",
    payloadKind: 0,
    payloadPlainHash: new Uint8Array(32),
    payloadCipherHash: new Uint8Array(32),
  });
  const seed = new Uint8Array(32).fill(3);
  const signature = nobleEd25519.sign(hash, seed);
  expect(nobleEd25519.verify(signature, hash, nobleEd25519.publicKey(seed))).toBe(true);
  expect(new JsonCursor('["x"]').readValue()).toEqual(["x"]);
});
