/**
 * The load's own process, from the inside: it registers its agents, prepares signed requests, drives them, and checks
 * afterwards that what was acknowledged is stored under receipts that verify.
 */
import { toHex } from "../../src/base/bytes.js";
import { signingFieldsOf } from "../../src/protocol/agent-event.js";
import type { EventEnvelope } from "../../src/protocol/envelope.js";
import { eventSigningHash } from "../../src/protocol/event-signing.js";
import { signProofOfPossession } from "../../src/protocol/proof-of-possession.js";
import { type Receipt, verifyReceiptSignature } from "../../src/protocol/receipt.js";
import { selectEd25519 } from "../../src/verify/ed25519-native.js";
import { LOAD_MS_MAX, type Load } from "../plan.js";
import { call, type Target } from "./call.js";
import { type ClosedLoopResult, runClosedLoop } from "./closed-loop.js";
import { type OpenLoopResult, runOpenLoop } from "./open-loop.js";
import { PublishProbes } from "./publish-probes.js";
import { BenchAgent, httpPost, INGEST_PATH, SMALL } from "./signed-requests.js";

/** Agents, each with its own tenant, store and API key. */
const AGENTS = 16;

/** Requests of a run that are sent once more to compare and verify their receipts. */
const CHECKED_REQUESTS = 8;

const ed25519 = selectEd25519();

export interface OpenDrive {
  readonly perSecond: number;
  readonly msMax: number;
  readonly connections: number;
  /** Subscribers of the whole log that note when each entry arrives; needs one event per request. */
  readonly probes: number;
}

export interface OpenDriveResult extends OpenLoopResult {
  /** From the intended time of sending to an entry's arrival at a probe, of all entries and probes. */
  readonly publishMs: Float64Array;
  /** From an entry's ack to its arrival at a probe; 0 where the entry came first. */
  readonly wakeMs: Float64Array;
}

export interface Client {
  readonly agent: BenchAgent;
  readonly apiKey: string;
}

interface PreparedRequest {
  readonly client: Client;
  readonly body: Buffer;
  readonly bytes: Buffer;
  /** Of its first event. */
  readonly eventId: string;
}

export class LoadSession {
  #target: Target;
  readonly #clients: Client[];
  #load: Load | null = null;
  #prepared: PreparedRequest[] = [];

  private constructor(target: Target, clients: Client[]) {
    this.#target = target;
    this.#clients = clients;
  }

  static async open(target: Target): Promise<LoadSession> {
    const clients: Client[] = [];
    for (let i = 0; i < AGENTS; i++) clients.push(await register(target, new BenchAgent()));
    return new LoadSession(target, clients);
  }

  move(target: Target): void {
    this.#target = target;
  }

  /** Registers the agents that a load needs beyond those of all loads, and signs everything the next drive sends. */
  async prepare(load: Load): Promise<void> {
    this.#load = load;
    while (this.#clients.length < (load.agents ?? AGENTS)) {
      this.#clients.push(await register(this.#target, new BenchAgent()));
    }
    const shape = {
      payloadBytes: load.payloadBytes ?? SMALL.payloadBytes,
      hasOrderedIds: load.hasOrderedIds ?? SMALL.hasOrderedIds,
    };
    this.#prepared = Array.from({ length: load.requests }, (_, index) => {
      const client = this.#clients[index % (load.agents ?? AGENTS)]!;
      const events = Array.from({ length: load.eventsPerRequest }, () => client.agent.nextEvent(shape));
      const body = client.agent.bodyOf(events);
      return { client, body, bytes: httpPost(body, client.apiKey), eventId: events[0]!.event_id };
    });
  }

  async drive(): Promise<ClosedLoopResult> {
    const result = await runClosedLoop({
      port: this.#target.port,
      connections: this.#load!.inFlight,
      requests: this.#prepared.map(({ bytes }) => bytes),
      msMax: LOAD_MS_MAX,
    });
    this.#prepared.length = result.requestsSent;
    return result;
  }

  async driveOpen({ probes: probeCount, ...drive }: OpenDrive): Promise<OpenDriveResult> {
    using probes = await PublishProbes.open(this.#target, probeCount);
    const result = await runOpenLoop({
      ...drive,
      port: this.#target.port,
      requests: this.#prepared.map(({ bytes }) => bytes),
      random: Math.random,
      onAnswered: (index, nowMs) => probes.acknowledged(this.#prepared[index]!.eventId, nowMs),
    });
    this.#prepared.length = result.requestsSent;
    const eventIds = this.#prepared.map(({ eventId }) => eventId);
    return { ...result, ...(await probes.samples(eventIds, result.intendedMs)) };
  }

  /** Sends a sample again: each event must come back as a replay whose stored receipt verifies. Returns what is wrong. */
  async check(): Promise<string | null> {
    const signer = (await call(this.#target, "GET", "/api/v1/sequencer", null)) as { public_key: string };
    const publicKey = Buffer.from(signer.public_key, "hex");
    const step = Math.max(1, Math.floor(this.#prepared.length / CHECKED_REQUESTS));
    for (let i = 0; i < this.#prepared.length; i += step) {
      const problem = await this.#checkReplay(this.#prepared[i]!, publicKey);
      if (problem !== null) return `request ${i}: ${problem}`;
    }
    return null;
  }

  async #checkReplay({ body, client }: PreparedRequest, publicKey: Uint8Array): Promise<string | null> {
    const { events } = JSON.parse(body.toString()) as { events: EventEnvelope[] };
    const target = { ...this.#target, adminKey: client.apiKey };
    const answer = (await call(target, "POST", INGEST_PATH, body)) as IngestAnswer;
    const { eventsAccepted, eventsRejected, receipts = [] } = answer;
    if (eventsAccepted !== 0 || eventsRejected !== 0) return "was not stored, though acknowledged";
    if (receipts.length !== events.length) return `${receipts.length} receipts for ${events.length} events`;
    const byEvent = new Map(receipts.map((receipt) => [receipt.eventId as string, receipt]));
    const isSigned = events.every((event) => {
      const receipt = byEvent.get(event.event_id);
      const fields = signingFieldsOf(event)!;
      const claim = { ...fields, eventSigningHash: eventSigningHash(fields) };
      return receipt !== undefined && verifyReceiptSignature(receipt, claim, publicKey, ed25519);
    });
    return isSigned ? null : "a receipt does not verify";
  }
}

interface IngestAnswer {
  readonly eventsAccepted: number;
  readonly eventsRejected: number;
  readonly receipts?: readonly Receipt[];
}

export async function register(target: Target, agent: BenchAgent): Promise<Client> {
  const { tenantId, agentId, keyId, storeId } = agent;
  const publicKey = toHex(agent.publicKey);
  const proofOfPossession = toHex(signProofOfPossession(agent.publicKey, agent.seed, ed25519));
  const key = { tenantId, agentId, keyId, publicKey, proofOfPossession };
  await call(target, "POST", "/api/v1/agents/keys", JSON.stringify(key));
  const access = JSON.stringify({ tenantId, storeIds: [storeId], agentId, permissions: "read_write" });
  const created = (await call(target, "POST", "/api/v1/admin/api-keys", access)) as { apiKey: string };
  return { agent, apiKey: created.apiKey };
}
