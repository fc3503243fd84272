/** verify-checkpoint on what a real service handed out, from files and URLs, and on every change to it. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { untilCheckpoint } from "../support/checkpoint.js";
import { LegacyClient } from "../support/legacy-client.js";
import { runMain } from "../support/run-main.js";
import { startService, type TestService } from "../support/service.js";

const base = mkdtempSync(join(tmpdir(), "sequencer-checkpoint-"));
let service: TestService;
let key: string;

const at = (name: string): string => join(base, name);
const save = (name: string, content: unknown): void =>
  writeFileSync(at(name), typeof content === "string" ? content : JSON.stringify(content));

beforeAll(async () => {
  service = await startService({ TLOG_CHECKPOINT_INTERVAL_MS: "50" });
  const agent = await service.agent();
  const legacy = new LegacyClient(service, agent.tenantId, agent.storeId);
  const event = agent.sign();
  await agent.ingest([agent.sign(), agent.sign(), event]);
  const older = await untilCheckpoint(service, 3);
  await legacy.ingest(legacy.events(2));
  const newest = await untilCheckpoint(service, 5);
  key = newest.key;
  save("older", older.checkpoint);
  save("newest", newest.checkpoint);
  save("newest.json", newest);
  save("entry", (await service.get(`/api/v1/ves/events/${event.event_id}`)).text);
  save("legacy", /\{"kind":"event".*\}(?=\]\}$)/.exec((await service.get("/api/v1/log?from_offset=4")).text)![0]);
  save("consistency", (await service.get("/api/v1/log/consistency?from=3&to=5")).json);
  save("inclusion", (await service.get("/api/v1/log/inclusion?offset=2&size=5")).json);
  save("inclusion-4", (await service.get("/api/v1/log/inclusion?offset=4&size=5")).json);
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
  rmSync(base, { recursive: true, force: true });
});

async function verify(...args: string[]): Promise<{ code: number | null; faults: string[] }> {
  const { code, stdout } = await runMain(["verify-checkpoint", ...args, "--log-key", key, "--json"]);
  const { checks } = JSON.parse(stdout) as { checks: { check: string; fault: string | null }[] };
  return { code, faults: checks.filter(({ fault }) => fault !== null).map(({ check }) => check) };
}

describe("verify-checkpoint", () => {
  it("finds a signed checkpoint sound, what it continues and what is in it, from files and URLs", async () => {
    const sound = { code: 0, faults: [] };
    expect(await verify(at("newest"))).toEqual(sound);
    expect(await verify(at("newest.json"))).toEqual(sound);
    expect(await verify(`${service.url}/tlog/checkpoint`)).toEqual(sound);
    expect(await verify(at("newest"), "--older", at("older"), "--consistency", at("consistency"))).toEqual(sound);
    expect(await verify(at("newest"), "--older", at("newest"))).toEqual(sound);
    expect(await verify(at("newest"), "--entry", at("entry"), "--inclusion", at("inclusion"))).toEqual(sound);
    expect(await verify(at("newest"), "--entry", at("legacy"), "--inclusion", at("inclusion-4"))).toEqual(sound);
  });

  it("names what is wrong and exits 6", async () => {
    const note = (await service.get("/tlog/checkpoint")).text;
    save("grown", note.replace(/^(.*\n)\d+/, "$199"));
    save("bare", note.slice(0, note.lastIndexOf("\n\n") + 2));
    save("payload", (await service.get("/api/v1/log?from_offset=2&limit=1")).text.replace("99.99", "1"));
    const consistency = (await service.get("/api/v1/log/consistency?from=3&to=5")).json;
    save("cut", { ...consistency, proof: consistency.proof.slice(1) });
    const cases: [string[], string[]][] = [
      [[at("grown")], ["checkpoint signature"]],
      [[at("bare")], ["checkpoint form"]],
      [[at("entry")], ["checkpoint form"]],
      [[at("older"), "--older", at("newest"), "--consistency", at("consistency")], ["growth"]],
      [[at("newest"), "--older", at("older")], ["consistency"]],
      [[at("newest"), "--older", at("older"), "--consistency", at("cut")], ["consistency"]],
      [
        [at("newest"), "--entry", at("legacy"), "--inclusion", at("inclusion")],
        ["leaf", "inclusion"],
      ],
      [[at("newest"), "--entry", at("older"), "--inclusion", at("inclusion")], ["entry form"]],
    ];
    for (const [args, faults] of cases) expect(await verify(...args), args.join(" ")).toEqual({ code: 6, faults });
  });

  it("is not misled by a second event in the entry's text", async () => {
    const entry = (await service.get("/api/v1/log?from_offset=2&limit=1")).text.match(/\{"kind".*\}(?=\]\}$)/)![0];
    const [, head, event, receipt] = /^\{(.*),"event":(.*),"receipt":(.*)\}$/.exec(entry)!;
    // No signature covers a command id: nothing but the record can tell that this one is made up.
    const forged = `{"command_id":"${crypto.randomUUID()}",${event!.slice(1)}`;
    save("hidden", `{"receipt":${receipt},${head},"x":{"y":0,"event":${event},"receipt":0},"event":${forged}}`);
    save("twice", `{${head},"event":${event},"receipt":${receipt},"event": ${forged}}`);
    const cases: [string, string[]][] = [
      ["hidden", ["leaf", "inclusion"]],
      ["twice", ["entry form"]],
    ];
    for (const [name, faults] of cases) {
      const answer = await verify(at("newest"), "--entry", at(name), "--inclusion", at("inclusion"));
      expect(answer, name).toEqual({ code: 6, faults });
    }
  });

  it("takes a note byte for byte", async () => {
    const { checkpoint } = (await service.get("/api/v1/log/checkpoint")).json;
    save("marked", `\ufeff${checkpoint}`);
    save("two-notes", `{"checkpoint":"","checkpoint":${JSON.stringify(checkpoint)}}`);
    expect((await verify(at("marked"))).faults).toEqual(["checkpoint signature", "checkpoint origin"]);
    expect((await verify(at("two-notes"))).faults).toEqual(["checkpoint form"]);
  });

  it("refuses bad usage with exit 2", async () => {
    const wrong = [
      [],
      [at("newest")],
      [at("newest"), "--log-key", "frob"],
      [at("nowhere"), "--log-key", key],
      [at("newest"), "--log-key", key, "--entry", at("entry")],
      [at("newest"), "--log-key", key, "--consistency", at("consistency")],
      [at("newest"), "--log-key", key, "--older", at("older"), "--consistency", at("newest")],
      [at("newest"), "--log-key", key, "--frob"],
    ];
    for (const args of wrong) {
      const { code, stdout, stderr } = await runMain(["verify-checkpoint", ...args]);
      expect({ code, stdout }, args.join(" ")).toEqual({ code: 2, stdout: "" });
      expect(stderr).toMatch(/^stateset-sequencer verify-checkpoint: /);
    }
    expect((await runMain(["verify-checkpoint", "--help"])).stdout).toMatch(
      /^Usage: stateset-sequencer verify-checkpoint/,
    );
  });
});
