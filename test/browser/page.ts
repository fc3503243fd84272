/**
 * The script of an application's page, bundled for Chromium: what an agent, a consumer and an auditor do with the SDK, and a proof
 * verified. Asks the server that it came from what to do and tells it how that went.
 */
import {
  decryptEvent,
  generateEncryptionKeyPair,
  generateSigningKey,
  SequencerClient,
  SequencerError,
  type VesEntry,
} from "../../src/client/index.js";
import { Kernels } from "../../src/stark/kernels.js";
import { verify } from "../../src/stark/verify.js";

/** What the page is told to do, as JSON. */
export interface PageTask {
  readonly url: string;
  readonly apiKey: string;
  readonly tenantId: string;
  readonly storeId: string;
  readonly agentId: string;
  /** Of the log's checkpoints. */
  readonly checkpointKey: string;
  /** An honest proof: its bytes, and the public elements, limit first. */
  readonly proof: { readonly bytes: readonly number[]; readonly elements: readonly string[] };
}

/** What came of it, as JSON. */
export interface PageReport {
  readonly origin: string;
  readonly accepted: number;
  /** Payloads in the order of the log, the last one decrypted; all but the first batch came while the subscription was live. */
  readonly payloads: readonly unknown[];
  readonly states: readonly string[];
  /** Offset at which the log's checkpoint has the first entry, and its number in its commitment. */
  readonly loggedAt: number;
  readonly provenNumber: number;
  /** Codes: of a key that nobody has, and of an event that is not there. */
  readonly refusals: readonly string[];
  /** Verdicts of the proof as it is, and with a byte changed. */
  readonly verdicts: readonly boolean[];
}

const EVENTS = 3;

async function useService(task: PageTask): Promise<PageReport> {
  const client = new SequencerClient({ url: task.url, apiKey: task.apiKey });
  const { seed } = generateSigningKey();
  const agent = client.agent({ ...task, keyId: 1, seed });
  await agent.registerKey();
  const order = { entityType: "order", entityId: "ORD-1", eventType: "order.changed" };
  const signed = Array.from({ length: EVENTS }, (_, number) => agent.sign({ ...order, payload: { number } }));
  const { receipts } = await agent.submit(signed);
  const reader = await generateEncryptionKeyPair();
  const secret = await agent.encrypt({ ...order, payload: { number: EVENTS } }, [
    { kid: 1, publicKey: reader.publicKey },
  ]);
  const { entries, states } = await follow(client, task, () => agent.submit([secret]));
  const payloads = entries.map(({ event }) => event.payload);
  payloads[EVENTS] = await decryptEvent(entries[EVENTS]!.event, { kid: 1, secretKey: reader.secretKey });
  return {
    origin: location.origin,
    accepted: receipts.length,
    payloads,
    states,
    loggedAt: await auditedOffset(client, task.checkpointKey, entries[0]!),
    provenNumber: (await onceThere(() => client.proveInclusion(entries[0]!))).sequenceNumber,
    refusals: [
      await refusalOf(new SequencerClient({ ...task, apiKey: `ss_${"0".repeat(40)}` }).head()),
      await refusalOf(client.event("11111111-1111-4111-8111-111111111111")),
    ],
    verdicts: await verdictsOf(task.proof),
  };
}

/** Takes what is there with its signatures checked, has the last one made while live, and takes that. */
async function follow(client: SequencerClient, { tenantId, storeId }: PageTask, makeLast: () => Promise<unknown>) {
  const entries: VesEntry[] = [];
  const states: string[] = [];
  const onTransition = ({ to }: { readonly to: string }): void => {
    states.push(to);
    if (to === "live") void makeLast();
  };
  for await (const entry of client.subscribe({ tenantId, storeId, fromOffset: 0, verify: true, onTransition })) {
    if (entries.push(entry as VesEntry) > EVENTS) break;
  }
  return { entries, states };
}

async function auditedOffset(client: SequencerClient, key: string, { event }: VesEntry): Promise<number> {
  const audit = client.auditLog({ key });
  await audit.advance();
  const text = await client.eventText(event.event_id);
  return (await onceThere(() => audit.verifyLogged(text))).offset;
}

/** Checkpoints and commitments follow the log within moments. */
async function onceThere<T>(ask: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof SequencerError) || error.status !== 404) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

async function refusalOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => "none",
    (error: unknown) => (error instanceof SequencerError ? error.code : String(error)),
  );
}

async function verdictsOf({ bytes, elements }: PageTask["proof"]): Promise<boolean[]> {
  const kernels = new Kernels(await WebAssembly.compileStreaming(fetch("/kernels.wasm")));
  const [effectiveLimit = 0n, ...rest] = elements.map(BigInt);
  const statement = { effectiveLimit, inputElements: rest.slice(0, 47), witnessCommitment: rest.slice(47) };
  const proof = Uint8Array.from(bytes);
  const damaged = proof.map((byte, at) => (at === proof.length >> 1 ? byte ^ 1 : byte));
  return [proof, damaged].map((one) => {
    const accepted = { profiles: ["default"] } as const;
    return verify(kernels, one, { proofVersion: 2, kind: "compliance", ...statement }, accepted).valid;
  });
}

const task = (await (await fetch("/task")).json()) as PageTask;
const report = await useService(task).catch((error: Error) => ({
  failure: error instanceof SequencerError ? error.code : `${error.stack}`,
}));
await fetch("/report", { method: "POST", body: JSON.stringify(report) });
