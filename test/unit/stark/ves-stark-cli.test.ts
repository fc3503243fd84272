import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { packageVersion } from "../../../src/base/asset-paths.js";
import { fixtureText } from "./fixtures.js";

/** The built command, as a user runs it: `npm run build` first. */
const command = fileURLToPath(new URL("../../../dist/src/cli/ves-stark.js", import.meta.url));
const fixture = (name: string): string => fileURLToPath(new URL(`../../vectors/stark/${name}`, import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "ves-stark-"));
afterAll(() => rmSync(folder, { recursive: true }));

const file = (name: string): string => join(folder, name);
symlinkSync(fixture(""), file("fixtures"));
/** Paths as they are said in the folder: what comes before them may hold spaces. */
const short = (args: string): string =>
  args.replaceAll(fixture(""), "fixtures/").replaceAll(join(folder, "/"), "").replaceAll(folder, ".");

function run(args: string, env: Record<string, string> = {}): { code: number | null; out: string; err: string } {
  const options = { cwd: folder, env: { ...process.env, ...env } };
  const done = spawnSync(process.execPath, [command, ...short(args).split(" ")], options);
  return { code: done.status, out: done.stdout.toString(), err: done.stderr.toString() };
}

describe("ves-stark", () => {
  it("says what it is", () => {
    expect(run("--version")).toEqual({ code: 0, out: `${packageVersion}\n`, err: "" });
    for (const args of ["help", "-h", "--help"])
      expect(run(args)).toMatchObject({
        code: 0,
        out: expect.stringMatching(/^Usage: ves-stark \[options\]/),
        err: "",
      });
    expect(run("help verify")).toMatchObject({ code: 0, out: expect.stringMatching(/^Usage: ves-stark verify /) });
    for (const args of ["nothing", "help nothing"])
      expect(run(args)).toEqual({ code: 2, out: "", err: "error: unknown command 'nothing'\n" });
  });

  it("gen-inputs, prove, verify, inspect", () => {
    expect(run(`gen-inputs -l 10000 -p aml.threshold -o ${file("in.json")}`).code).toBe(0);
    expect(run(`prove -a 5000 -l 10000 -i ${file("in.json")} -o ${file("proof.json")} --json`).code).toBe(0);
    expect(statSync(file("proof.json")).mode & 0o777).toBe(0o600);
    const verified = run(`verify -f ${file("proof.json")} -i ${file("in.json")} -l 10000 -p aml.threshold --json`);
    expect(verified.code).toBe(0);
    expect(JSON.parse(verified.out)).toMatchObject({ valid: true, securityBits: 119, amountLink: "payload-amount" });
    // The bundle's maker may have bound any amount to the event: only the payload tells.
    expect(verified.err).toContain("that the payload's amount is 5000 is the artefact's own claim");
    const { amountBinding } = JSON.parse(readFileSync(file("proof.json"), "utf8")) as { amountBinding: unknown };
    writeFileSync(file("binding.json"), JSON.stringify(amountBinding));
    const bound = run(
      `verify -f ${file("proof.json")} -i ${file("in.json")} -l 10000 --amount-binding ${file("binding.json")}`,
    );
    expect([bound.code, bound.err]).toEqual([0, ""]);
    const inspected = run(`inspect -f ${file("proof.json")} --json`);
    expect(JSON.parse(inspected.out)).toMatchObject({ statement: "compliance", profile: "secure", hidesAmount: false });
  });

  it("says of a bare proof of a made-up event that it is of no use", () => {
    const { code, err } = run(`prove -a 50 -l 100 -o ${file("bare.txt")}`);
    expect([code, err]).toEqual([
      0,
      expect.stringContaining("without --json nothing says which: it cannot be verified"),
    ]);
    expect(run(`verify -f ${file("bare.txt")}`).code).toBe(2);
  });

  it("a changed bundle, a changed policy and another event are refused by meaning", () => {
    const bundle = readFileSync(file("proof.json"), "utf8");
    writeFileSync(file("changed.json"), bundle.replace('"amount": 5000', '"amount": 4999'));
    expect(run(`verify -f ${file("changed.json")} -i ${file("in.json")} -l 10000`).code).toBe(3);
    expect(run(`verify -f ${file("proof.json")} -i ${file("in.json")} -l 10001`).code).toBe(3);
    run(`gen-inputs -l 10000 -o ${file("other.json")}`);
    const other = run(`verify -f ${file("proof.json")} -i ${file("other.json")} -l 10000`);
    expect([other.code, other.err]).toEqual([3, expect.stringContaining("amount binding differs in eventId")]);
  });

  it("an amount above the policy is not proved", () => {
    const refused = run("prove -a 10000 -l 10000");
    expect([refused.code, refused.out]).toEqual([4, ""]);
    expect(run("prove -a 10000 -l 10000 -p order_total.cap --profile default").code).toBe(0);
  });

  it("verifies the original's proofs; default ones only when asked", () => {
    writeFileSync(file("c.json"), fixtureText("c_default", "bound"));
    const verify = `verify -f ${fixture("c_default.bin")} -i ${file("c.json")} -l 10000`;
    const refused = run(verify);
    expect([refused.code, refused.out]).toEqual([1, expect.stringContaining("Proof INVALID (OPTIONS_NOT_ACCEPTED")]);
    const accepted = run(`${verify} --accept-default`);
    expect(accepted.code).toBe(0);
    expect(accepted.out).toMatch(/^Proof VALID \(verified in [\d.]+ms; default, 55 bits, witness-only\)\n$/);
  });

  it("batches need the experimental switch, chain, and survive both file forms", () => {
    const env = { VES_STARK_EXPERIMENTAL_BATCH: "1" };
    expect(run("batch-prove -n 1 -l 10").code).toBe(2);
    for (const name of ["b.json", "b.bin"]) {
      expect(run(`batch-prove -n 2 -l 10000 --profile default -o ${file(name)}`, env).code).toBe(0);
      expect(run(`batch-verify -f ${file(name)}`, env).code).toBe(1);
      expect(run(`batch-verify -f ${file(name)} --accept-default`, env).code).toBe(0);
    }
    const chain = run(`sequencer -n 3 --batch-size 2 -l 10000 --profile default --output-dir ${file("d")} --json`, env);
    expect(JSON.parse(chain.out)).toMatchObject({ isChainValid: true });
    const inputs = `-i ${join(file("d"), "batch_1.json")}`;
    expect(run(`batch-verify -f ${join(file("d"), "batch_1.json")} ${inputs} --accept-default`, env).code).toBe(0);
    expect(run(`batch-verify -f ${join(file("d"), "batch_0.json")} ${inputs} --accept-default`, env).code).toBe(1);
  });

  it("a simulated stream with violations chains, and says which batches are not all compliant", () => {
    const env = { VES_STARK_EXPERIMENTAL_BATCH: "1" };
    const args = "sequencer -n 9 --batch-size 6 -l 10000 --profile default --include-violations --json";
    const { isChainValid, batches } = JSON.parse(run(args, env).out);
    const summaries = batches as { events: number; allCompliant: boolean }[];
    expect([isChainValid, summaries.map(({ events, allCompliant }) => [events, allCompliant])]).toEqual([
      true,
      [
        [6, true],
        [3, false],
      ],
    ]);
  });

  it("benchmark reports both figures beside a bare hash loop", () => {
    const report = JSON.parse(run("benchmark -n 3 -p aml.threshold -m 9999 --profile default --json").out);
    for (const key of ["proveP50Ms", "verifyP50Ms", "blake3CompressionNs"]) expect(report[key]).toBeGreaterThan(0);
  });

  it.each([
    "",
    "nope",
    "verify",
    "prove -a x -l 1",
    "prove -a 1 -l 1 -p none",
    "benchmark -n 0",
    "benchmark -n 0x1",
    "benchmark -n 1e0",
  ])("usage: %j", (args) => {
    expect(run(args).code).toBe(2);
  });

  it("unreadable and malformed files", () => {
    expect(run(`verify -f ${file("absent")} -l 1`).code).toBe(3);
    writeFileSync(file("bad.json"), "{");
    expect(run(`inspect -f ${file("bad.json")}`).code).toBe(3);
    writeFileSync(file("noise"), "AAAA");
    expect(run(`inspect -f ${file("noise")}`).code).toBe(3);
  });

  it("half a policy is refused, not passed over", () => {
    const verify = `verify -f ${fixture("c_default.bin")} -i ${file("c.json")} --accept-default`;
    expect(run(verify).code).toBe(0);
    for (const flags of ["-p order_total.cap", "-p aml.threshold", "-p frob", `--intent-hash ${"0".repeat(64)}`]) {
      const refused = run(`${verify} ${flags}`);
      expect([refused.code, refused.out, refused.err]).toEqual([2, "", expect.stringContaining("need --limit")]);
    }
  });

  it("a commitment is the same in every spelling of its hex", () => {
    const hex = "2b3b43d9ed4b2b70f5292a7d35d961fcf8ca389984e64e10a197ede140816a83";
    const verify = `verify -f ${fixture("c_default.bin")} -i ${file("c.json")} --accept-default --witness-commitment-hex`;
    for (const text of [hex, `0x${hex}`, hex.toUpperCase()]) expect(run(`${verify} ${text}`).code).toBe(0);
    expect(run(`${verify} ${hex.replace("2", "3")}`).code).toBe(3);
  });

  it("files without an end, folders and places that cannot be written", () => {
    for (const place of ["/dev/zero", folder]) expect(run(`inspect -f ${place}`).code).toBe(3);
    for (const place of [join(folder, "no", "file"), folder]) {
      const refused = run(`gen-inputs -l 5 -o ${place}`);
      expect([refused.code, refused.err]).toEqual([3, expect.stringMatching(/^error: cannot write \S+: E[A-Z]+\n$/)]);
    }
  });

  it("what a file says reaches no terminal as a command", () => {
    const inputs = fixtureText("c_default", "bound").replace("aml.threshold", "\\u001b[31m\\u009b5n");
    writeFileSync(file("escape.json"), inputs);
    const refused = run(`verify -f ${fixture("c_default.bin")} -i ${file("escape.json")}`);
    expect([refused.code, refused.err]).toEqual([3, expect.stringMatching(/^[\x20-\x7e\n]+$/)]);
  });

  it("a reader that went away gets no stack and changes no exit code; a full disk does", () => {
    const shell = (line: string) =>
      spawnSync("sh", ["-c", `"$0" "$1" ${short(line)}`, process.execPath, command], { cwd: folder });
    const gone = shell(`inspect -f ${fixture("c_default.bin")} 2>${file("err")} | true; cat ${file("err")}`);
    expect(gone.stdout.toString()).toBe("");
    const full = shell("gen-inputs -l 5 >/dev/full");
    expect([full.status, full.stderr.toString()]).toEqual([70, "error: cannot write the answer: ENOSPC\n"]);
  });
});
