/** What an application bundles with the client: nothing that only Node has, and `ws` only where it is asked for. */
import { readFileSync } from "node:fs";
import { afterEach, expect, test, vi } from "vitest";

const ENTRY = new URL("../../../src/client/index.ts", import.meta.url);
const ALLOWED = /^(@noble\/(ed25519|hashes\/.+)|hpke-js)$/;

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
  vi.resetModules();
});

test("every module behind the entry imports only its own and what runs in a browser", () => {
  const visited = new Set<string>();
  const packages = new Set<string>();
  const visit = (file: URL): void => {
    if (visited.has(file.href)) return;
    visited.add(file.href);
    const source = readFileSync(file, "utf8").replace(/^(?:import|export) type [^;]*;/gms, "");
    for (const [, name] of source.matchAll(/^(?:import|export)\b[^;]*?from "([^"]+)";/gms)) {
      if (name!.startsWith(".")) visit(new URL(name!.replace(/\.js$/, ".ts"), file));
      else packages.add(name!);
    }
  };
  visit(ENTRY);
  expect(visited.size).toBeGreaterThan(20);
  for (const name of packages) expect(name).toMatch(ALLOWED);
});

test("signs, encrypts and verifies without built-in modules and Buffer", async () => {
  vi.spyOn(process, "getBuiltinModule").mockReturnValue(undefined);
  vi.stubGlobal("Buffer", undefined);
  const { generateEncryptionKeyPair, generateSigningKey, decryptEvent, SequencerClient } = await import(
    "../../../src/client/index.js"
  );
  const id = "11111111-1111-4111-8111-111111111111";
  const { seed } = generateSigningKey();
  const client = new SequencerClient({ url: "https://host", apiKey: "ss_k" });
  const agent = client.agent({ tenantId: id, storeId: id, agentId: id, keyId: 1, seed });
  const { publicKey, secretKey } = await generateEncryptionKeyPair();
  const input = { entityType: "order", entityId: "1", eventType: "order.created", payload: ["é"] };
  const envelope = await agent.encrypt(input, [{ kid: 1, publicKey }]);
  expect(await decryptEvent(envelope, { kid: 1, secretKey })).toEqual(["é"]);
});
