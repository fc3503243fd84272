/**
 * Both ends of the process that submits proofs, a closed loop of many connections. It runs at the lowest priority: real
 * submitters are other machines and take no processor from the service.
 */
import { constants, setPriority } from "node:os";
import { Child, serveSteps } from "../child.js";
import type { Target } from "./call.js";
import { HttpConnection } from "./http-connection.js";
import { ProofSubmissions } from "./proof-submissions.js";

export interface ProofLoadResult {
  /** Replies by status. */
  readonly statuses: Readonly<Record<number, number>>;
  readonly ackMs: Float64Array;
  readonly wallMs: number;
}

/** The bench's end. */
export class ProofProcess implements Disposable {
  readonly #child = new Child(import.meta.url);

  /** Makes proofs enough for so many submissions. */
  static async start({ port, adminKey }: Target, submissions: number): Promise<ProofProcess> {
    const load = new ProofProcess();
    await load.#child.ask("open", { target: { port, adminKey }, submissions });
    return load;
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Resolves once every connection is open; from then on each has one submission unanswered until `end`. */
  begin(connections: number): Promise<void> {
    return this.#child.ask("begin", connections);
  }

  /** Resolves when the last submission is answered. */
  end(): Promise<ProofLoadResult> {
    return this.#child.ask("end");
  }

  [Symbol.dispose](): void {
    this.#child[Symbol.dispose]();
  }
}

/** Before a refused submitter tries again. */
const RETRY_DELAY_MS = 100;

class Submitters {
  readonly #submissions: ProofSubmissions;
  readonly #startedMs = performance.now();
  readonly #ackMs: number[] = [];
  readonly #statuses: Record<number, number> = {};
  readonly #all: Promise<unknown>;
  #isEnding = false;

  constructor(submissions: ProofSubmissions, connections: readonly HttpConnection[]) {
    this.#submissions = submissions;
    this.#all = Promise.all(connections.map((connection) => this.#submit(connection)));
  }

  async end(): Promise<ProofLoadResult> {
    this.#isEnding = true;
    await this.#all;
    const wallMs = performance.now() - this.#startedMs;
    return { statuses: this.#statuses, ackMs: Float64Array.from(this.#ackMs), wallMs };
  }

  async #submit(connection: HttpConnection): Promise<void> {
    while (!this.#isEnding) {
      const request = this.#submissions.next();
      const sentMs = performance.now();
      const { status } = await new Promise<{ status: number }>((resolve) => connection.send(request, resolve));
      this.#ackMs.push(performance.now() - sentMs);
      this.#statuses[status] = (this.#statuses[status] ?? 0) + 1;
      if (status !== 200) await new Promise((resolve) => setTimeout(resolve, RETRY_DELAY_MS));
    }
    connection[Symbol.dispose]();
  }
}

let target: Target;
let submissions: ProofSubmissions;
let submitters: Submitters;

serveSteps(import.meta.url, {
  open: async (load: { readonly target: Target; readonly submissions: number }) => {
    target = load.target;
    submissions = await ProofSubmissions.prepare(target, load.submissions);
    setPriority(constants.priority.PRIORITY_LOW);
  },
  begin: async (count: number) => {
    const closed = (error: Error): void => {
      throw error;
    };
    const connections = Array.from({ length: count }, () => HttpConnection.open(target.port, closed));
    submitters = new Submitters(submissions, await Promise.all(connections));
  },
  end: () => submitters.end(),
});
