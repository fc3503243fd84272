/** A real service on a real socket with a temporary folder, and agents that talk to it over plain HTTP. */
import { randomBytes, randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { toHex } from "../../src/base/bytes.js";
import type { Uuid } from "../../src/base/ids.js";
import { ServerProcess } from "../../src/cli/server-process.js";
import { type AgentEventPayload, signEvent } from "../../src/protocol/agent-event.js";
import type { EventEnvelope } from "../../src/protocol/envelope.js";
import { signProofOfPossession } from "../../src/protocol/proof-of-possession.js";
import { selectEd25519 } from "../../src/verify/ed25519-native.js";
import { ownPort } from "./own-port.js";

export const ed25519 = selectEd25519();

export const uuid = (): Uuid => randomUUID() as Uuid;

/** Starts the built service in a fresh folder, removed on disposal. */
export async function startService(env: Readonly<Record<string, string>> = {}): Promise<TestService> {
  const folder = mkdtempSync(join(tmpdir(), "sequencer-test-"));
  const process = await ServerProcess.start({ folder, env: { PORT: String(await ownPort()), ...env } });
  return new TestService(process, folder, env);
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: bodies are asserted member by member
  readonly json: any;
}

export class TestService implements AsyncDisposable {
  constructor(
    public process: ServerProcess,
    readonly folder: string,
    readonly env: Readonly<Record<string, string>>,
    /** The program that is started, if not the built service. */
    readonly command?: readonly string[],
  ) {}

  get url(): string {
    return this.process.url;
  }

  get wsUrl(): string {
    return this.url.replace("http:", "ws:");
  }

  get adminKey(): string {
    return this.process.adminKey;
  }

  /** SIGKILL, then the same folder, port and keys again. */
  async crashAndRestart(): Promise<void> {
    await this.process.kill();
    await this.startAgain();
  }

  /** `more`: environment of this start alone. */
  async startAgain(more: Readonly<Record<string, string>> = {}): Promise<void> {
    const { port, adminKey } = this.process;
    const env = { ...this.env, ...more, PORT: String(port), BOOTSTRAP_ADMIN_API_KEY: adminKey };
    const command = this.command === undefined ? {} : { command: this.command };
    this.process = await ServerProcess.start({ folder: this.folder, env, ...command });
  }

  async request(method: string, path: string, options: { body?: unknown; key?: string } = {}): Promise<Answer> {
    const headers: Record<string, string> = { authorization: `ApiKey ${options.key ?? this.adminKey}` };
    const init: RequestInit = { method, headers };
    if (options.body !== undefined) {
      headers["content-type"] = "application/json";
      init.body = typeof options.body === "string" ? options.body : JSON.stringify(options.body);
    }
    const response = await fetch(this.url + path, init);
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, json: parseOrNull(text) };
  }

  get(path: string, key?: string): Promise<Answer> {
    return this.request("GET", path, key === undefined ? {} : { key });
  }

  post(path: string, body: unknown, key?: string): Promise<Answer> {
    return this.request("POST", path, key === undefined ? { body } : { body, key });
  }

  /** A new agent with a registered signing key 1. */
  async agent(stream: { tenantId?: Uuid; storeId?: Uuid } = {}): Promise<TestAgent> {
    const agent = new TestAgent(this, stream.tenantId ?? uuid(), stream.storeId ?? uuid(), uuid());
    await agent.register();
    return agent;
  }

  /** An API key's text. */
  async apiKey(body: Record<string, unknown>): Promise<string> {
    const answer = await this.post("/api/v1/admin/api-keys", body);
    if (answer.status !== 200) throw new Error(answer.text);
    return answer.json.apiKey;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process[Symbol.asyncDispose]();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export interface EventFields {
  readonly eventId?: Uuid;
  readonly entityType?: string;
  readonly entityId?: string;
  readonly eventType?: string;
  readonly createdAt?: string;
  readonly payload?: AgentEventPayload extends infer P ? (P extends { payload: infer V } ? V : never) : never;
  readonly commandId?: Uuid;
  readonly baseVersion?: number;
}

export class TestAgent {
  keyId = 1;
  seed: Uint8Array = randomBytes(32);

  constructor(
    readonly service: TestService,
    readonly tenantId: Uuid,
    readonly storeId: Uuid,
    readonly agentId: Uuid,
  ) {}

  async register(): Promise<Answer> {
    return this.service.post("/api/v1/agents/keys", this.registration());
  }

  registration(): Record<string, unknown> {
    const publicKey = ed25519.publicKey(this.seed);
    return {
      tenantId: this.tenantId,
      agentId: this.agentId,
      keyId: this.keyId,
      publicKey: toHex(publicKey),
      proofOfPossession: toHex(signProofOfPossession(publicKey, this.seed, ed25519)),
    };
  }

  sign(fields: EventFields = {}): EventEnvelope {
    const { tenantId, storeId, agentId: sourceAgentId, keyId: agentKeyId } = this;
    const defaults = {
      eventId: uuid(),
      entityType: "order",
      entityId: `order-${randomUUID().slice(0, 8)}`,
      eventType: "order.created",
      createdAt: new Date().toISOString(),
      payload: { total: 99.99, currency: "EUR" },
    };
    const event = { tenantId, storeId, sourceAgentId, agentKeyId, ...defaults, ...fields };
    return signEvent(event, this.seed, ed25519);
  }

  ingest(events: readonly unknown[], key?: string): Promise<Answer> {
    return this.service.post("/api/v1/ves/events/ingest", { agentId: this.agentId, events }, key);
  }
}

function parseOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
