import { verify } from "node:crypto";
import { describe, expect, it } from "vitest";
import { nobleEd25519 } from "../../src/protocol/ed25519.js";
import { encodeNoteKey, NOTE_ED25519 } from "../../src/protocol/signed-note.js";
import { sendBatch, signBatch } from "../support/load.js";
import { startService, type TestAgent, type TestService } from "../support/service.js";
import { type AuditedCheckpoint, ed25519Key, openCheckpoint } from "../support/tlog-auditor.js";
import { TestWitness } from "../support/witness.js";

/** Witnesses cosign what continues what they saw, and nothing they do or fail to do holds up the log. */

async function witnessed(witnesses: readonly TestWitness[], quorum: number): Promise<TestService> {
  return startService({
    TLOG_CHECKPOINT_INTERVAL_MS: "50",
    TLOG_WITNESSES: witnesses.map(({ key, url }) => `${key}@${url}/`).join(", "),
    TLOG_WITNESS_QUORUM: String(quorum),
    TLOG_SIGNING_KEY: "11".repeat(32),
    TLOG_ORIGIN: "log.example",
  });
}

/** Tells the witnesses which log they watch: its key is known once its id is. */
async function introduce(service: TestService, witnesses: readonly TestWitness[]): Promise<string> {
  const { log_id: logId, epoch } = (await service.get("/api/v1/head")).json;
  const name = `log.example/${logId}/${epoch}`;
  const publicKey = nobleEd25519.publicKey(new Uint8Array(32).fill(0x11));
  const key = encodeNoteKey({ name, type: NOTE_ED25519, publicKey });
  for (const witness of witnesses) witness.logKey = key;
  return key;
}

async function until(service: TestService, key: string, isDone: (seen: AuditedCheckpoint) => boolean) {
  for (;;) {
    const { status, text } = await service.get("/tlog/checkpoint");
    const seen = status === 200 ? openCheckpoint(text, key) : null;
    if (seen !== null && isDone(seen)) return seen;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const fill = (agent: TestAgent, events: number) => sendBatch(agent.service, signBatch(agent, events));

function isCosigned({ text, signatures }: AuditedCheckpoint, witness: TestWitness): boolean {
  const line = signatures.find(({ name, id }) => name === witness.name && id.equals(witness.keyId));
  if (line === undefined) return false;
  const time = line.signature.readBigUInt64BE(0);
  const message = Buffer.from(`cosignature/v1\ntime ${time}\n${text}`);
  return verify(null, message, ed25519Key(witness.publicKey), line.signature.subarray(8));
}

describe("witnesses", () => {
  it("cosign every checkpoint they are asked about, from the first on and after a restart", async () => {
    await using witness = await TestWitness.start("witness.example/w1");
    await using service = await witnessed([witness], 0);
    const key = await introduce(service, [witness]);
    const agent = await service.agent();
    for (let size = 40; size <= 200; size += 40) {
      await fill(agent, 40);
      await until(service, key, (seen) => seen.size === size && isCosigned(seen, witness));
    }
    // The new process does not know what the witness has seen: it is told, and proves what is in between.
    await service.crashAndRestart();
    await fill(agent, 40);
    await until(service, key, (seen) => seen.size === 240 && isCosigned(seen, witness));
    expect(witness.answers).toContain(409);
    expect(witness.answers).not.toContain(422);
  });

  it("hold nothing up: dead, silent or lying, the log goes on and its checkpoints come without them", async () => {
    await using silent = await TestWitness.start("witness.example/silent");
    await using liar = await TestWitness.start("witness.example/liar");
    await using good = await TestWitness.start("witness.example/good");
    silent.mood = "silent";
    liar.mood = { status: 200, body: `\u2014 ${liar.name} ${Buffer.alloc(76, 7).toString("base64")}\n` };
    await using service = await witnessed([silent, liar, good], 1);
    const key = await introduce(service, [good]);
    const agent = await service.agent();
    await fill(agent, 10);
    const seen = await until(service, key, ({ size }) => size === 10);
    expect(isCosigned(seen, good)).toBe(true);
    expect(isCosigned(seen, liar)).toBe(false);
    expect(seen.signatures.map(({ name }) => name)).not.toContain(liar.name);
    for (const mood of [
      { status: 500, body: "" },
      { status: 409, body: "much\n" },
      { status: 200, body: "x".repeat(100_000) },
    ]) {
      liar.mood = mood;
      await fill(agent, 10);
    }
    await until(service, key, ({ size }) => size === 40);
    expect(service.process.lines.some((line) => line.includes("witness.example/liar does not cosign"))).toBe(true);
  });

  it("keep a checkpoint from being served until a quorum has it", async () => {
    await using one = await TestWitness.start("witness.example/one");
    await using two = await TestWitness.start("witness.example/two");
    await using service = await witnessed([one, two], 2);
    const key = await introduce(service, [one]);
    const agent = await service.agent();
    await fill(agent, 10);
    while (one.cosigned.at(-1)?.size !== 10) await new Promise((resolve) => setTimeout(resolve, 10));
    expect((await service.get("/tlog/checkpoint")).status).toBe(503);
    two.logKey = key;
    await fill(agent, 10);
    const seen = await until(service, key, ({ size }) => size === 20);
    expect(isCosigned(seen, one) && isCosigned(seen, two)).toBe(true);
  });

  it("refuse a fork that nothing on the machine can notice, and with a quorum nobody is served it", async () => {
    await using witness = await TestWitness.start("witness.example/w1");
    await using service = await witnessed([witness], 1);
    const key = await introduce(service, [witness]);
    const agent = await service.agent();
    await fill(agent, 10);
    await until(service, key, ({ size }) => size === 10);
    // Another instance of this log, with all its keys, has shown the witness another entry 10.
    witness.cosigned.push({ size: 11, root: Buffer.alloc(32, 1) });
    const seenByWitness = witness.cosigned.length;
    await fill(agent, 5);
    while (!witness.answers.includes(422)) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(openCheckpoint((await service.get("/tlog/checkpoint")).text, key).size).toBe(10);
    expect((await fill(agent, 5)).status).toBe(200);
    expect(witness.cosigned).toHaveLength(seenByWitness);
  });
});
