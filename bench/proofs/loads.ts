/**
 * The two loads, each in a process of its own: ingest at a fixed rate, and a closed loop of proof submissions. The second
 * runs at the lowest priority: real submitters are other machines and take no processor from the service.
 */
import { type ChildProcess, fork } from "node:child_process";
import { constants, setPriority } from "node:os";
import { fileURLToPath } from "node:url";
import type { Target } from "../load/call.js";
import { runClosedLoop } from "../load/closed-loop.js";
import { HttpConnection } from "../load/http-connection.js";
import { type Client, register } from "../load/load-session.js";
import { BenchAgent, httpPost } from "../load/signed-requests.js";
import { type OpenLoopResult, runOpenLoop } from "./open-loop.js";
import { ProofSubmissions } from "./proof-submissions.js";

export interface ProofLoadResult {
  /** Replies by status. */
  readonly statuses: Readonly<Record<number, number>>;
  readonly ackMs: Float64Array;
}

/** What each process can be asked, one question at a time. */
interface Questions {
  "ingest.open"(target: Target): void;
  /** Requests per second that a closed loop reaches. */
  "ingest.capacity"(requests: number): number;
  "ingest.run"(load: { readonly requestsPerSecond: number; readonly seconds: number }): OpenLoopResult;
  "proofs.open"(load: { readonly target: Target; readonly submissions: number }): void;
  "proofs.start"(connections: number): void;
  /** Ends the load; resolves when every submission is answered. */
  "proofs.stop"(): ProofLoadResult;
}

type Result<K extends keyof Questions> = ReturnType<Questions[K]>;

export class BenchProcess implements Disposable {
  readonly #child: ChildProcess;
  #settle: { resolve(result: unknown): void; reject(error: Error): void } | null = null;

  constructor() {
    this.#child = fork(fileURLToPath(import.meta.url), ["load"], { serialization: "advanced" });
    this.#child.on("message", (message) => {
      const { result, error } = message as { result?: unknown; error?: string };
      if (error === undefined) this.#settle?.resolve(result);
      else this.#settle?.reject(new Error(error));
    });
    this.#child.on("exit", (code) => this.#settle?.reject(new Error(`a load's process ended with ${code}`)));
  }

  ask<K extends keyof Questions>(question: K, ...args: Parameters<Questions[K]>): Promise<Result<K>> {
    return new Promise((resolve, reject) => {
      this.#settle = { resolve: resolve as (result: unknown) => void, reject };
      this.#child.send({ question, args });
    });
  }

  [Symbol.dispose](): void {
    this.#child.removeAllListeners();
    this.#child.kill("SIGKILL");
  }
}

const INGEST_CONNECTIONS = 64;
const AGENTS = 16;
/** Before a refused submitter tries again. */
const RETRY_DELAY_MS = 100;

type Answers = { [K in keyof Questions]: (...args: Parameters<Questions[K]>) => Promise<Result<K>> };

let ingest: { readonly target: Target; readonly clients: readonly Client[] };
let proofs: { readonly target: Target; readonly submissions: ProofSubmissions };
let stopProofs: () => Promise<ProofLoadResult>;

const answers: Answers = {
  async "ingest.open"(target) {
    const clients: Client[] = [];
    for (let i = 0; i < AGENTS; i++) clients.push(await register(target, new BenchAgent()));
    ingest = { target, clients };
  },
  async "ingest.capacity"(requests) {
    const loop = { port: ingest.target.port, connections: INGEST_CONNECTIONS, msMax: 10_000 };
    const { requestsSent, wallMs } = await runClosedLoop({ ...loop, requests: singleEvents(requests) });
    return (requestsSent * 1000) / wallMs;
  },
  async "ingest.run"({ requestsPerSecond, seconds }) {
    const requests = singleEvents(Math.ceil(requestsPerSecond * seconds));
    return runOpenLoop({ port: ingest.target.port, connections: INGEST_CONNECTIONS, requests, requestsPerSecond });
  },
  async "proofs.open"({ target, submissions }) {
    proofs = { target, submissions: await ProofSubmissions.prepare(target, submissions) };
    setPriority(constants.priority.PRIORITY_LOW);
  },
  async "proofs.start"(connections) {
    stopProofs = await startSubmitters(proofs.target.port, proofs.submissions, connections);
  },
  "proofs.stop": () => stopProofs(),
};

function singleEvents(count: number): Buffer[] {
  return Array.from({ length: count }, (_, index) => {
    const { agent, apiKey } = ingest.clients[index % AGENTS]!;
    return httpPost(agent.nextBody(1), apiKey);
  });
}

async function startSubmitters(
  port: number,
  submissions: ProofSubmissions,
  connections: number,
): Promise<() => Promise<ProofLoadResult>> {
  const ackMs: number[] = [];
  const statuses: Record<number, number> = {};
  let isStopping = false;
  const submitter = async (): Promise<void> => {
    using connection = await HttpConnection.open(port, (error) => {
      throw error;
    });
    while (!isStopping) {
      const request = submissions.next();
      const sentMs = performance.now();
      const { status } = await new Promise<{ status: number }>((resolve) => connection.send(request, resolve));
      ackMs.push(performance.now() - sentMs);
      statuses[status] = (statuses[status] ?? 0) + 1;
      if (status !== 200) await new Promise((resolve) => setTimeout(resolve, RETRY_DELAY_MS));
    }
  };
  const all = Promise.all(Array.from({ length: connections }, submitter));
  return async () => {
    isStopping = true;
    await all;
    return { statuses, ackMs: Float64Array.from(ackMs) };
  };
}

if (process.argv[2] === "load" && process.send !== undefined) {
  process.on("message", (message) => {
    const { question, args } = message as { question: keyof Questions; args: never[] };
    const answer = answers[question] as (...args: never[]) => Promise<unknown>;
    answer(...args).then(
      (result) => process.send!({ result }),
      (error: unknown) => process.send!({ error: error instanceof Error ? error.stack! : String(error) }),
    );
  });
  process.on("disconnect", () => process.exit(0));
}
