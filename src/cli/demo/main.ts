#!/usr/bin/env node
/**
 * `npm run demo`: the life of a log in half a minute. A real service in a temporary folder, four agents, a few thousand
 * commerce events (personal data encrypted), a live tail, SIGKILL in the middle, a restart, and the audit. Exits 1 if
 * anything is wrong.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import cliProgress from "cli-progress";
import { randomUuid } from "../../base/random-uuid.js";
import { type Agent, decryptEvent } from "../../client/agent.js";
import type { LogEntry, SequencerIdentity } from "../../client/answers.js";
import { SequencerClient } from "../../client/sequencer-client.js";
import { generateSigningKey } from "../../client/signing-key.js";
import { verifyEntry } from "../../client/verify-entry.js";
import { generateEncryptionKeyPair } from "../../protocol/encryption.js";
import type { EventEnvelope } from "../../protocol/envelope.js";
import { selectEd25519 } from "../../verify/ed25519-native.js";
import { ServerProcess } from "../server-process.js";
import { Books } from "./books.js";
import { type CommerceEvent, commerceDay, type Desk } from "./commerce.js";

const EVENTS = 4_000;
const BATCH_EVENTS_MAX = 40;
const SEED = 20_26_11_20;
const AUDITOR_KID = 1;

const DESKS: readonly Desk[] = ["storefront", "warehouse", "support", "returns"];

/** The demo signs and verifies thousands of times: the native library keeps it short. Same rule, same answers. */
const ed25519 = selectEd25519();

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "stateset-demo-"));
  try {
    const isSound = await runDemo(folder);
    process.exitCode = isSound ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function runDemo(folder: string): Promise<boolean> {
  let server = await ServerProcess.start({ folder });
  say(`service listening on ${server.url}, log in ${folder}`);
  const client = new SequencerClient({ url: server.url, apiKey: server.adminKey, ed25519 });
  const agents = await registerAgents(client);
  say(`${agents.size} agents registered, each with proof of possession: ${DESKS.join(", ")}`);
  const auditor = await generateEncryptionKeyPair();
  const batches = await signDay(agents, auditor.publicKey);
  const total = batches.reduce((sum, { envelopes }) => sum + envelopes.length, 0);
  const encrypted = batches.flatMap(({ envelopes }) => envelopes).filter((event) => event.payload_kind === 1).length;
  say(`${total} events signed offline in ${batches.length} batches, ${encrypted} of them encrypted for the auditor`);

  const books = new Books();
  const tail = new AbortController();
  const tailing = follow(client, books, tail.signal);
  const bar = new cliProgress.SingleBar({
    format: "  {bar} {value}/{total} acknowledged, {seen} tailed {note}",
    hideCursor: true,
  });
  bar.start(total, 0, { seen: 0, note: "" });
  const refresh = (note: string) => bar.update(books.receipts, { seen: books.seen, note });

  const sending = sendAll(batches, books, () => refresh(""));
  await until(
    () => books.receipts >= total / 2,
    () => refresh(""),
  );
  await server.kill();
  const atCrash = books.receipts;
  refresh("SIGKILL");
  const env = { PORT: String(server.port), BOOTSTRAP_ADMIN_API_KEY: server.adminKey };
  server = await ServerProcess.start({ folder, env });
  await sending;
  await until(
    () => books.seen >= total,
    () => refresh("restarted"),
  );
  refresh("restarted");
  bar.stop();
  tail.abort();
  await tailing;
  say(`killed with ${atCrash} receipts in hand; restarted on the same log; agents sent again what had no answer`);

  const isSound = await report(client, books, auditor.secretKey);
  say(`clean shutdown: exit ${await server.stop()}`);
  return isSound;
}

async function registerAgents(client: SequencerClient): Promise<Map<Desk, Agent>> {
  const tenantId = randomUuid();
  const [webShop, warehouse] = [randomUuid(), randomUuid()];
  const agents = new Map<Desk, Agent>();
  for (const desk of DESKS) {
    const storeId = desk === "warehouse" ? warehouse : webShop;
    const agent = client.agent({ tenantId, storeId, agentId: randomUuid(), keyId: 1, seed: generateSigningKey().seed });
    await agent.registerKey();
    agents.set(desk, agent);
  }
  return agents;
}

interface Batch {
  readonly agent: Agent;
  readonly envelopes: readonly EventEnvelope[];
}

/** Everything is signed before anything is sent: agents work offline. */
async function signDay(agents: ReadonlyMap<Desk, Agent>, auditorKey: Uint8Array): Promise<Batch[]> {
  const open = new Map<Desk, EventEnvelope[]>(DESKS.map((desk) => [desk, []]));
  const batches: Batch[] = [];
  const close = (desk: Desk): void => {
    const envelopes = open.get(desk)!.splice(0);
    if (envelopes.length > 0) batches.push({ agent: agents.get(desk)!, envelopes });
  };
  for (const event of commerceDay(EVENTS, SEED)) {
    open.get(event.desk)!.push(await envelopeOf(agents.get(event.desk)!, event, auditorKey));
    // Batches of every size from one event up, as agents with more and less patience send them.
    if (open.get(event.desk)!.length > batches.length % BATCH_EVENTS_MAX) close(event.desk);
  }
  for (const desk of DESKS) close(desk);
  return batches;
}

function envelopeOf(
  agent: Agent,
  event: CommerceEvent,
  auditorKey: Uint8Array,
): EventEnvelope | Promise<EventEnvelope> {
  return event.isPrivate ? agent.encrypt(event, [{ kid: AUDITOR_KID, publicKey: auditorKey }]) : agent.sign(event);
}

/** Each agent sends its batches in order, all agents at once. The SDK sends again what a crash left unanswered. */
async function sendAll(batches: readonly Batch[], books: Books, onProgress: () => void): Promise<void> {
  const agents = new Set(batches.map(({ agent }) => agent));
  const sendOne = async (agent: Agent): Promise<void> => {
    for (const batch of batches) {
      if (batch.agent !== agent) continue;
      const { rejections, receipts } = await agent.submit(batch.envelopes);
      if (rejections.length > 0) throw new Error(`rejected: ${rejections[0]!.reason}`);
      for (const receipt of receipts) books.receive(receipt);
      onProgress();
    }
  };
  await Promise.all([...agents].map(sendOne));
}

/** The live tail: reconnects and resumes by itself, verifies every receipt. */
async function follow(client: SequencerClient, books: Books, signal: AbortSignal): Promise<void> {
  try {
    for await (const entry of client.subscribe({ fromOffset: 0, verify: true, signal })) books.see(entry);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

async function report(client: SequencerClient, books: Books, auditorSecret: Uint8Array): Promise<boolean> {
  const identity = await client.sequencer();
  const log = await readLog(client);
  const audit = books.audit(log, (entry) => verifyEntry(entry, identity, { ed25519 }));
  const opened = await openPrivate(log, auditorSecret);
  say(`log read back: ${audit.entries} entries in ${audit.streams} streams, offsets 0 to ${audit.entries - 1}`);
  say(
    `${audit.receipts} receipts in hand, each in the log with the same bytes, each signed by ${fingerprint(identity)}`,
  );
  say(`${books.seen} entries on the live tail across the crash: each once, in order`);
  say(`${opened} encrypted payloads opened with the auditor's key and matched their hashes`);
  for (const fault of audit.faults) say(`FAULT: ${fault}`);
  say(audit.faults.length === 0 ? "nothing lost, nothing repeated, nothing out of order" : "THE LOG IS NOT SOUND");
  return audit.faults.length === 0;
}

async function readLog(client: SequencerClient): Promise<LogEntry[]> {
  const entries: LogEntry[] = [];
  for (;;) {
    const page = await client.log({ fromOffset: entries.length, limit: 1000 });
    if (page.entries.length === 0) return entries;
    entries.push(...page.entries);
  }
}

/** Throws if a payload does not open or does not match what was signed. */
async function openPrivate(log: readonly LogEntry[], secretKey: Uint8Array): Promise<number> {
  const sealed = log.filter((entry) => entry.kind === "ves_event").filter(({ event }) => event.payload_kind === 1);
  for (const { event } of sealed) await decryptEvent(event, { kid: AUDITOR_KID, secretKey });
  return sealed.length;
}

function fingerprint({ publicKey }: SequencerIdentity): string {
  return `sequencer key ${Buffer.from(publicKey).toString("hex").slice(0, 16)}…`;
}

/** Waits for a condition that other work brings about; that work's failure ends the process. */
async function until(condition: () => boolean, onWait: () => void): Promise<void> {
  while (!condition()) {
    onWait();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function say(line: string): void {
  console.log(`• ${line}`);
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
