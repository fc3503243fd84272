/** What a bundler makes of the built SDK for a page. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { expect, test } from "vitest";
import { packageRoot } from "../../src/base/asset-paths.js";

test("who only checks entries gets neither subscriptions nor encryption, and it runs", async () => {
  const script = `
    import { verifyEntry } from "./dist/src/client/index.js";
    export const verdict = verifyEntry({}, { publicKey: new Uint8Array(32) });`;
  const { outputFiles, metafile } = await build({
    stdin: { contents: script, resolveDir: packageRoot },
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    metafile: true,
    write: false,
    outdir: "out",
  });
  const [output] = outputFiles;
  const parts = Object.entries(Object.values(metafile.outputs)[0]!.inputs)
    .filter(([, { bytesInOutput }]) => bytesInOutput > 0)
    .map(([path]) => path);
  expect(parts).toContain("dist/src/client/verify-entry.js");
  expect(
    parts.filter((path) => /subscription|http-channel|proofs|encryption|hpke|node_modules\/ws/.test(path)),
  ).toEqual([]);
  const made = await import(`data:text/javascript;base64,${Buffer.from(output!.contents).toString("base64")}`);
  expect(made.verdict).toBe(false);
});

test("no module is imported for what it does when it is loaded: bundlers are told that they may leave out what is not used", () => {
  const bare = /^import "/m;
  const sources = ["src", "workers"].flatMap((folder) =>
    readdirSync(join(packageRoot, "dist", folder), { recursive: true, encoding: "utf8" }).map((name) =>
      join(folder, name),
    ),
  );
  const found = sources.filter(
    (name) => name.endsWith(".js") && bare.test(readFileSync(join(packageRoot, "dist", name), "utf8")),
  );
  expect(found).toEqual([]);
});
