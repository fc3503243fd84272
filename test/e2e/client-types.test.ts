/** The code of the READMEs, compiled as an application that has the built package installed would compile it. */
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { packageRoot } from "../../src/base/asset-paths.js";

const run = promisify(execFile);
const TSC = join(packageRoot, "node_modules", "typescript", "bin", "tsc");

/** What is the application's own in those examples. */
const APPLICATION = `
import type { EventEnvelope, LogEntry, Receipt, Rejection, Subscription } from "stateset-sequencer/client";
declare global {
  const process: { env: Record<string, string> };
  const [apiKey, tenantId, storeId, agentId, key, eventId]: string[];
  const saved: string | null;
  function handle(entry: LogEntry): Promise<void>;
  function load(): Subscription["position"] | null;
  function save(position: Subscription["position"] | string | null): void;
  interface Outbox {
    expectLog(name: string): Promise<void>;
    waiting(eventsMax: number): Promise<EventEnvelope[]>;
    settle(receipts: readonly Receipt[], rejections: readonly Rejection[]): Promise<void>;
  }
}
`;

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "sequencer-types-"));
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(packageRoot, join(folder, "node_modules", "stateset-sequencer"));
  writeFileSync(join(folder, "package.json"), '{"type":"module"}');
  writeFileSync(join(folder, "application.ts"), APPLICATION);
  for (const [name, path] of [
    ["use", "README.md"],
    ["client", "src/client/README.md"],
  ] as const) {
    writeFileSync(join(folder, `${name}.ts`), exampleOf(readFileSync(join(packageRoot, path), "utf8")));
  }
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test.each([
  ["node16", "node16"],
  ["esnext", "bundler"],
])("module %s, resolution %s: strict, with the declarations checked too and without those of Node", async (...of) => {
  const [module, moduleResolution] = of;
  const options = { module, moduleResolution, target: "es2022", lib: "es2022,dom", types: "", skipLibCheck: "false" };
  const flags = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
  const files = ["application.ts", "use.ts", "client.ts"];
  const strict = ["--noEmit", "--strict", "--exactOptionalPropertyTypes"];
  const output = await run(process.execPath, [TSC, ...strict, ...flags, ...files], { cwd: folder }).then(
    ({ stdout }) => stdout,
    ({ stdout, stderr }) => `${stdout}${stderr}`,
  );
  expect(output).toBe("");
});

/** All blocks of TypeScript, one module. */
function exampleOf(text: string): string {
  const blocks = Array.from(text.matchAll(/^```ts\n(.*?)^```$/gms), ([, code]) => code!);
  expect(blocks.length).toBeGreaterThan(0);
  return blocks.join("");
}
