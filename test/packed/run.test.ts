/** The one-file program at work, on its own: no Node, no PATH, no file but itself. */
import { readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { packageRoot, packageVersion } from "../../src/base/asset-paths.js";
import { BareMachine, unpackedIn } from "../support/packed.js";
import { startService, type TestAgent, type TestService } from "../support/service.js";
import { complianceSubmission } from "../support/stark-proofs.js";
import { receiptTextOf, Subscriber } from "../support/subscriber.js";
import { threadPriorities } from "../support/thread-priorities.js";

const EVENTS = 50;
const POLICY = { policyId: "order_total.cap", policyParams: { cap: 10_000 } };

const machine = new BareMachine(inject("packedFile"));
afterAll(() => machine[Symbol.dispose]());

describe("the service", () => {
  let home: string;
  let env: Record<string, string>;
  let service: TestService;
  let agent: TestAgent;
  let frames: Buffer[];

  beforeAll(async () => {
    home = machine.folder();
    env = machine.env(home);
    service = await machine.serve(env);
  });
  afterAll(() => service[Symbol.asyncDispose]());

  it("starts from the file alone, with its machine code from the unpacked folder", async () => {
    expect(readdirSync(dirname(machine.file))).toHaveLength(1);
    expect((await service.get("/health")).json).toMatchObject({ version: packageVersion, transport: "native" });
    const maps = readFileSync(`/proc/${service.process.pid}/maps`, "utf8");
    for (const name of ["better_sqlite3.node", "sodium-native.node", "uws_linux_"]) {
      expect(maps).toMatch(new RegExp(`${unpackedIn(home)}/\\S*${name}`));
    }
  });

  it("takes signed events, survives SIGKILL and replays them from offset 0", async () => {
    agent = await service.agent();
    const answer = await agent.ingest(Array.from({ length: EVENTS }, () => agent.sign()));
    expect(answer.json.eventsAccepted).toBe(EVENTS);
    await using live = await Subscriber.open(service, "from_offset=0");
    await live.until(EVENTS);
    frames = [...live.frames];
    await service.crashAndRestart();
    await using replay = await Subscriber.open(service, "from_offset=0");
    await replay.until(frames.length);
    expect(replay.frames.map(String)).toEqual(frames.map(String));
    const more = await agent.ingest([agent.sign()]);
    await replay.until(frames.length + 1);
    expect(more.text).toContain(`"receipts":[${receiptTextOf(replay.frames.at(-1)!)}]`);
  });

  it("checks a receipt offline", async () => {
    const entry = join(machine.folder(), "entry.json");
    writeFileSync(entry, frames.at(-1)!);
    const key = (await service.get("/api/v1/sequencer")).json.public_key as string;
    const check = (publicKey: string) => machine.run(["verify-receipt", entry, "--public-key", publicKey], env);
    expect((await check(key)).code).toBe(0);
    expect((await check(`${key.slice(0, -2)}${key.endsWith("00") ? "01" : "00"}`)).code).toBe(6);
  });

  it("verifies a STARK proof, in a thread of lower priority", async () => {
    const event = agent.sign();
    await agent.ingest([event]);
    const path = `/api/v1/ves/compliance/${event.event_id}`;
    const submission = complianceSubmission(await service.post(`${path}/inputs`, POLICY), 5000n);
    const stored = await service.post(`${path}/proofs`, submission);
    expect(stored.json).toMatchObject({ policy_id: POLICY.policyId, stark_security_bits: 119 });
    const checked = await service.get(`/api/v1/ves/compliance/proofs/${stored.json.proof_id}/verify`);
    expect(checked.json).toMatchObject({ stark_valid: true, valid: true });
    expect(threadPriorities(service.process.pid)).toContain(19);
  });

  it("serves the same documents as from its sources", async () => {
    await using plain = await startService();
    for (const path of ["/openapi.json", "/asyncapi.json"]) {
      expect((await service.get(path)).text).toBe((await plain.get(path)).text);
    }
  });

  it("tells whether it is ready, and ends cleanly", async () => {
    const ask = () => machine.run(["health", "--port", String(service.process.port)], env);
    expect(await ask()).toMatchObject({ code: 0, stdout: expect.stringContaining('"status":"ready"') });
    expect(await service.process.stop()).toBe(0);
    expect(await ask()).toMatchObject({ code: 1, stdout: expect.stringContaining("ECONNREFUSED") });
  });
});

describe("several commands in one file", () => {
  let env: Record<string, string>;
  beforeAll(() => {
    env = machine.env(machine.folder());
  });

  it("runs them by the first argument, or by the name the file is called by", async () => {
    const names = Object.keys(JSON.parse(readFileSync(join(packageRoot, "package.json"), "utf8")).bin as object);
    expect(names).toContain("ves-stark");
    const help = (await machine.run(["--help"], env)).stdout;
    const folder = machine.folder();
    for (const name of names) {
      const link = join(folder, name);
      symlinkSync(machine.file, link);
      const byName = await machine.run(["--help"], env, { file: link });
      expect(byName).toMatchObject({ code: 0, stdout: expect.stringContaining(`Usage: ${name}`) });
      if (name === "stateset-sequencer") continue;
      expect((await machine.run([name, "--help"], env)).stdout).toBe(byName.stdout);
      expect(help).toContain(name);
    }
    expect((await machine.run(["admin", "--help"], env)).stdout).toContain("Usage: stateset-sequencer-admin");
  });

  it("proves and verifies by hand", async () => {
    const folder = machine.folder();
    const [inputs, proof] = [join(folder, "inputs.json"), join(folder, "proof.json")];
    for (const args of [
      ["gen-inputs", "-l", "10000", "-p", "aml.threshold", "-o", inputs],
      ["prove", "-a", "5000", "-l", "10000", "-i", inputs, "-o", proof, "--json"],
      ["verify", "-f", proof, "-i", inputs, "-l", "10000", "-p", "aml.threshold"],
    ]) {
      const { code, stderr } = await machine.run(["ves-stark", ...args], env);
      expect([args[0], code, stderr]).toEqual([
        args[0],
        0,
        args[0] === "gen-inputs" ? "" : expect.stringMatching(/^warning: /),
      ]);
    }
  });

  it("runs a file of its own when it is taken for Node, and no other script", async () => {
    const folder = (await machine.run(["--unpack"], env)).stdout.trim();
    const own = await machine.run([join(folder, "dist/src/main.js"), "--version"], env);
    expect(own).toEqual({ code: 0, stdout: `${packageVersion}\n`, stderr: "" });
    const foreign = await machine.run([join(packageRoot, "dist/src/main.js"), "--version"], env);
    expect(foreign).toMatchObject({ code: 2, stdout: "", stderr: expect.stringContaining("this is not Node") });
  });

  it("plays the demonstration, which starts the service through its own executable", async () => {
    const demo = await machine.run(["demo"], env);
    expect(demo).toMatchObject({ code: 0, stdout: expect.stringContaining("nothing lost") });
  });

  it("does not serve over the slow transport unless told to", async () => {
    const fallback = { ...env, UWS_USE_FALLBACK: "true", PORT: "0", HOST: "127.0.0.1", DATA_DIR: machine.folder() };
    const refused = await machine.run([], fallback);
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toContain("native transport is required");
    await using service = await machine.serve({ ...env, UWS_USE_FALLBACK: "true", REQUIRE_NATIVE_TRANSPORT: "false" });
    expect((await service.get("/health")).json.transport).toBe("fallback");
  });

  it("answers what needs no files where it can write nothing", async () => {
    const nowhere = { ...env, HOME: "/proc", TMPDIR: "/proc" };
    expect(await machine.run(["--version"], nowhere)).toEqual({ code: 0, stdout: `${packageVersion}\n`, stderr: "" });
    expect((await machine.run(["--licenses"], nowhere)).stdout).toContain("libsodium");
    expect(JSON.parse((await machine.run(["--sbom"], nowhere)).stdout)).toMatchObject({ bomFormat: "CycloneDX" });
  });
});
