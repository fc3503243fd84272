/**
 * Submissions of real `secure` compliance proofs, made before the clock starts. One proof of an event counts as a new
 * submission under each proof type, so the service verifies and stores every one of them.
 */
import { readFileSync } from "node:fs";
import { complianceStatement, parseComplianceInputs } from "../../src/stark/compliance-inputs.js";
import { type ExactJsonObject, isExactJsonObject, parseExactJson } from "../../src/stark/exact-json.js";
import { Kernels, kernelsUrl } from "../../src/stark/kernels.js";
import { proveCompliance } from "../../src/stark/prove.js";
import { commitAmount, commitmentToHex } from "../../src/stark/witness-commitment.js";
import { PROOFS_PER_SUBJECT_MAX } from "../../src/store/proof-contract.js";
import { call, type Target } from "./call.js";
import { type Client, register } from "./load-session.js";
import { BenchAgent, INGEST_PATH } from "./signed-requests.js";

const POLICY = { policyId: "order_total.cap", policyParams: { cap: 10_000 } };
const AMOUNT = 5000n;

/** A request but for its proof type, which stands between the two parts. */
interface ProvenEvent {
  readonly path: string;
  /** From behind the proof type to the end of the body. */
  readonly tail: Buffer;
}

export class ProofSubmissions {
  readonly #client: Client;
  readonly #events: readonly ProvenEvent[];
  #next = 0;

  private constructor(client: Client, events: readonly ProvenEvent[]) {
    this.#client = client;
    this.#events = events;
  }

  /** Proves for as many events as `submissions` need. */
  static async prepare(target: Target, submissions: number): Promise<ProofSubmissions> {
    const client = await register(target, new BenchAgent());
    const kernels = new Kernels(new WebAssembly.Module(readFileSync(kernelsUrl)));
    const events: ProvenEvent[] = [];
    for (let i = 0; i * PROOFS_PER_SUBJECT_MAX < submissions; i++) {
      events.push(await proveEvent(kernels, { ...target, adminKey: client.apiKey }, client.agent));
    }
    return new ProofSubmissions(client, events);
  }

  /** The next complete request. Throws when all prepared ones are used up. */
  next(): Buffer {
    const index = this.#next++;
    const event = this.#events[Math.floor(index / PROOFS_PER_SUBJECT_MAX)];
    if (event === undefined) throw new Error("no submissions left: the service is faster than the plan");
    const start = Buffer.from(`{"proofType":"stark.${index % PROOFS_PER_SUBJECT_MAX}"`);
    const head =
      `POST ${event.path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: ApiKey ${this.#client.apiKey}\r\n` +
      `content-type: application/json\r\ncontent-length: ${start.length + event.tail.length}\r\n\r\n`;
    return Buffer.concat([Buffer.from(head, "latin1"), start, event.tail]);
  }
}

async function proveEvent(kernels: Kernels, target: Target, agent: BenchAgent): Promise<ProvenEvent> {
  const event = agent.nextEvent();
  await call(target, "POST", INGEST_PATH, JSON.stringify({ agentId: agent.agentId, events: [event] }));
  const base = `/api/v1/ves/compliance/${event.event_id}`;
  const answer = (await call(target, "POST", `${base}/inputs`, JSON.stringify(POLICY))) as { public_inputs: unknown };
  const publicInputs = parseExactJson(JSON.stringify(answer.public_inputs));
  if (!isExactJsonObject(publicInputs)) throw new Error("the service answered no public inputs");
  const witnessCommitment = commitmentToHex(commitAmount(kernels, AMOUNT));
  const { proof } = proveCompliance(kernels, AMOUNT, statementOf(publicInputs, witnessCommitment), "secure");
  const proofB64 = Buffer.from(proof).toString("base64");
  const members = { proofVersion: 2, ...POLICY, witnessCommitment, publicInputs: answer.public_inputs, proofB64 };
  return { path: `${base}/proofs`, tail: Buffer.from(`,${JSON.stringify(members).slice(1)}`) };
}

function statementOf(publicInputs: ExactJsonObject, witnessCommitment: string) {
  return complianceStatement(parseComplianceInputs(publicInputs), witnessCommitment);
}
