/** A service whose receipt key and id change: every receipt stays checkable, and no key is taken up that nobody named. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { fromHex, toHex } from "../../src/base/bytes.js";
import { SequencerClient, type TrustedSigner } from "../../src/client/index.js";
import { runMain } from "../support/run-main.js";
import { ed25519, startService, type TestAgent, type TestService, uuid } from "../support/service.js";

const seeds = ["11", "22", "33"].map((byte) => byte.repeat(32));
const publicKeys = seeds.map((seed) => ed25519.publicKey(fromHex(seed, 32)!));
/** The second start has another key under the same id, the third another of both. */
const [firstId, lastId] = [uuid(), uuid()];
const identities = [firstId, firstId, lastId].map((sequencerId, index) => ({
  sequencer_id: sequencerId,
  public_key: toHex(publicKeys[index]!),
}));
const startOf = (index: number) => ({
  VES_SEQUENCER_SIGNING_KEY: seeds[index]!,
  VES_SEQUENCER_ID: identities[index]!.sequencer_id,
});

const EVENTS_PER_KEY = 5;
const base = mkdtempSync(join(tmpdir(), "sequencer-keys-"));
let service: TestService;
let agent: TestAgent;
const clientOf = () => new SequencerClient({ url: service.url, apiKey: service.adminKey, ed25519 });

async function restart(index: number): Promise<void> {
  await service.process.stop();
  await service.startAgain(startOf(index));
  await ingest();
}

async function ingest(): Promise<void> {
  const { json } = await agent.ingest(Array.from({ length: EVENTS_PER_KEY }, () => agent.sign()));
  expect(json.receipts).toHaveLength(EVENTS_PER_KEY);
}

/** How many entries of the log, from its begin, verify. */
async function verified(verify: true | TrustedSigner, client = clientOf()): Promise<number> {
  let count = 0;
  try {
    for await (const { offset } of client.subscribe({ verify })) {
      expect(offset).toBe(count++);
      if (count === EVENTS_PER_KEY * 3) break;
    }
  } catch (error) {
    expect(error).toMatchObject({ code: "RECEIPT_INVALID" });
  }
  return count;
}

beforeAll(async () => {
  service = await startService(startOf(0));
  agent = await service.agent();
  await ingest();
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
  rmSync(base, { recursive: true, force: true });
});

test("the service names who signed before, newest first", async () => {
  expect((await service.get("/api/v1/sequencer")).json).toMatchObject({ ...identities[0], former: [] });
  await restart(1);
  expect((await service.get("/api/v1/sequencer")).json).toMatchObject({ ...identities[1], former: [identities[0]] });
  await restart(2);
  const { json } = await service.get("/api/v1/sequencer");
  expect(json).toMatchObject({ ...identities[2], former: [identities[1], identities[0]] });
});

test("a log of three keys is followed with verification, by the keys that are trusted and no others", async () => {
  expect(await verified(true)).toBe(EVENTS_PER_KEY * 3);
  const [first, second, third] = publicKeys.map((publicKey) => ({ publicKey }));
  expect(await verified({ ...third!, former: [first!, second!] })).toBe(EVENTS_PER_KEY * 3);
  expect(await verified({ ...first!, former: [second!] })).toBe(EVENTS_PER_KEY * 2);
  expect(await verified({ ...first!, former: [third!] })).toBe(EVENTS_PER_KEY);
  expect(await verified(third!)).toBe(0);
});

test("a client takes up no key after the first answer", async () => {
  const client = clientOf();
  await service.process.stop();
  await service.startAgain(startOf(1));
  expect((await client.sequencer()).publicKey).toEqual(publicKeys[1]);
  await service.process.stop();
  const stranger = { VES_SEQUENCER_SIGNING_KEY: "44".repeat(32), VES_SEQUENCER_ID: firstId };
  await service.startAgain(stranger);
  await ingest();
  const subscription = client.subscribe({ verify: true, fromOffset: EVENTS_PER_KEY * 3 });
  await expect(subscription.next()).rejects.toMatchObject({ code: "RECEIPT_INVALID" });
});

test("verify-receipt checks a receipt of any of them against what the service names", async () => {
  const { json } = await service.get("/api/v1/log?limit=1000");
  const sequencer = join(base, "sequencer.json");
  const entry = join(base, "entry.json");
  const check = (document: object) => {
    writeFileSync(entry, JSON.stringify(document));
    return runMain(["verify-receipt", entry, "--sequencer", sequencer]);
  };
  const identity = (await service.get("/api/v1/sequencer")).json;
  writeFileSync(sequencer, JSON.stringify(identity));
  for (const offset of [0, EVENTS_PER_KEY, EVENTS_PER_KEY * 2]) {
    const { code, stdout } = await check(json.entries[offset]);
    expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringContaining("sequencer id") });
    const misnamed = structuredClone(json.entries[offset]);
    misnamed.receipt.sequencerId = offset === EVENTS_PER_KEY * 2 ? firstId : lastId;
    expect((await check(misnamed)).code).toBe(6);
  }
  writeFileSync(sequencer, JSON.stringify({ ...identity, former: [] }));
  expect((await check(json.entries[0])).code).toBe(6);
});
