/** `stateset-sequencer health`, as a container's health check runs it. */
import { expect, it } from "vitest";
import { runMain } from "../support/run-main.js";
import { startService } from "../support/service.js";

it.each(["127.0.0.1", "0.0.0.0"])("finds a service that listens on %s", async (host) => {
  await using service = await startService({ HOST: host });
  const options = { HOST: host, PORT: String(service.process.port) };
  const ready = await runMain(["health"], options);
  expect(ready).toMatchObject({ code: 0, stderr: "", stdout: expect.stringContaining('200 {"status":"ready"') });
  await service.process.kill();
  expect(await runMain(["health"], options)).toMatchObject({
    code: 1,
    stdout: expect.stringContaining("ECONNREFUSED"),
  });
});

it.each(["::", "::1"])("asks on IPv6 for a service that listens on %s", async (host) => {
  // Nothing listens on that port, and the machine may have no IPv6: what counts is the address.
  const asked = await runMain(["health"], { HOST: host, PORT: "1" });
  expect(asked).toMatchObject({ code: 1, stdout: expect.stringContaining("http://[::1]:1/ready: ") });
});

it("takes the service's own options and refuses others", async () => {
  expect(await runMain(["health", "--prot", "1"])).toMatchObject({ code: 2, stdout: "" });
  expect((await runMain(["health", "--help"])).stdout).toContain("stateset-sequencer health");
});
