/** A step-by-step conversation with a process of the bench's own: what drives, listens or competes must not share a thread. */
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { withDeadline } from "./deadline.js";
import { disown, own } from "./owned-processes.js";

interface Step {
  readonly name: string;
  readonly input: unknown;
}

type Answer = { readonly result: unknown } | { readonly error: string };

/** No step of a bench takes longer than this unless it says so. */
const STEP_MS_MAX = 60_000;

/** The bench's end. One step at a time. Disposal kills the process. */
export class Child implements Disposable {
  readonly #child: ChildProcess;
  #onAnswer: (answer: Answer) => void = () => {};

  /** `module`: `import.meta.url` of a file that calls `serveSteps`. */
  constructor(module: string) {
    // Advanced serialization carries samples as they are.
    this.#child = fork(fileURLToPath(module), ["steps"], { serialization: "advanced" });
    this.#child.on("message", (answer) => this.#onAnswer(answer as Answer));
    this.#child.on("exit", (code) => this.#onAnswer({ error: `the process ended with ${code}` }));
    own(this.pid);
  }

  get pid(): number {
    return this.#child.pid!;
  }

  ask<T>(name: string, input: unknown = null, msMax = STEP_MS_MAX): Promise<T> {
    const answer = new Promise<T>((resolve, reject) => {
      this.#onAnswer = (message) => {
        if ("error" in message) reject(new Error(`${name}: ${message.error}`));
        else resolve(message.result as T);
      };
      this.#child.send({ name, input } satisfies Step);
    });
    return withDeadline(answer, msMax, `step ${name}`);
  }

  [Symbol.dispose](): void {
    this.#child.removeAllListeners();
    this.#child.kill("SIGKILL");
    disown(this.pid);
  }
}

/** The process's end: answers steps when it was started by a `Child`, does nothing where its file is only imported. */
export function serveSteps(module: string, steps: Readonly<Record<string, (input: never) => unknown>>): void {
  if (process.send === undefined || process.argv[1] !== fileURLToPath(module) || process.argv[2] !== "steps") return;
  process.on("message", ({ name, input }: Step) => {
    run(steps[name]!, input).then(
      (result) => process.send!({ result } satisfies Answer),
      (error: unknown) => process.send!({ error: error instanceof Error ? error.stack! : String(error) }),
    );
  });
  process.on("disconnect", () => process.exit(0));
}

async function run(step: (input: never) => unknown, input: unknown): Promise<unknown> {
  return step(input as never);
}
