import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { packageRoot } from "../../../src/base/asset-paths.js";

it("a Node without machine code is answered without a line of the package's own", async () => {
  const program = `
    Object.defineProperty(process, "arch", { value: "none" });
    import(${JSON.stringify(join(packageRoot, "dist/src/transport/native.js"))}).then(
      ({ hasNativeTransport }) => console.log(hasNativeTransport),
    );`;
  const said = await promisify(execFile)(process.execPath, ["-e", program]);
  expect(said).toEqual({ stdout: "false\n", stderr: "" });
});
