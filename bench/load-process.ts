/** Both ends of the load's process: it runs apart from the bench, so that preparing and driving never share a thread with it. */
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { ClosedLoopResult } from "./closed-loop.js";
import { LoadSession, type Target } from "./load-session.js";
import type { Load } from "./plan.js";

type ToLoad =
  | { readonly step: "open"; readonly target: Target }
  | { readonly step: "prepare"; readonly load: Load }
  | { readonly step: "drive" }
  | { readonly step: "check" };

type FromLoad = { readonly result: unknown } | { readonly error: string };

/** The bench's end. One step at a time. */
export class LoadProcess implements Disposable {
  readonly #child: ChildProcess;
  #onAnswer: (answer: FromLoad) => void = () => {};

  private constructor() {
    // Advanced serialization carries the samples as they are.
    this.#child = fork(fileURLToPath(import.meta.url), ["load"], { serialization: "advanced" });
    this.#child.on("message", (answer) => this.#onAnswer(answer as FromLoad));
    this.#child.on("exit", (code) => this.#onAnswer({ error: `the load's process ended with ${code}` }));
  }

  static async start(target: Target): Promise<LoadProcess> {
    const load = new LoadProcess();
    await load.#ask({ step: "open", target });
    return load;
  }

  async prepare(load: Load): Promise<void> {
    await this.#ask({ step: "prepare", load });
  }

  async drive(): Promise<ClosedLoopResult> {
    return (await this.#ask({ step: "drive" })) as ClosedLoopResult;
  }

  async check(): Promise<string | null> {
    return (await this.#ask({ step: "check" })) as string | null;
  }

  [Symbol.dispose](): void {
    this.#child.removeAllListeners();
    this.#child.kill("SIGKILL");
  }

  #ask(message: ToLoad): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#onAnswer = (answer) => {
        if ("error" in answer) reject(new Error(answer.error));
        else resolve(answer.result);
      };
      this.#child.send(message);
    });
  }
}

let session: LoadSession | null = null;

async function run(message: ToLoad): Promise<unknown> {
  if (message.step === "open") session = await LoadSession.open(message.target);
  else if (message.step === "prepare") session!.prepare(message.load);
  else return message.step === "drive" ? session!.drive() : session!.check();
  return null;
}

if (process.argv[2] === "load" && process.send !== undefined) {
  process.on("message", (message) => {
    run(message as ToLoad).then(
      (result) => process.send!({ result } satisfies FromLoad),
      (error: unknown) => process.send!({ error: error instanceof Error ? error.stack! : String(error) }),
    );
  });
  process.on("disconnect", () => process.exit(0));
}
