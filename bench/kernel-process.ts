/**
 * The kernels in a process that loads nothing else. A peer's client in the same one (ioredis) made reading an event twice as
 * dear, and with it the machine's limit lower than it is.
 */
import { Child, serveSteps } from "./child.js";
import { type KernelCosts, Kernels } from "./kernels.js";

/** The bench's end. */
export class KernelProcess implements Disposable {
  readonly #child = new Child(import.meta.url);

  /** `folder`: on the log's file system. */
  static async start(folder: string): Promise<KernelProcess> {
    const kernels = new KernelProcess();
    await kernels.#child.ask("open", folder);
    return kernels;
  }

  /** See `Kernels`. */
  measure(ms: number): Promise<KernelCosts> {
    return this.#child.ask("measure", ms);
  }

  [Symbol.dispose](): void {
    this.#child[Symbol.dispose]();
  }
}

let kernels: Kernels;

serveSteps(import.meta.url, {
  open: (folder: string) => {
    kernels = new Kernels(folder);
  },
  measure: (ms: number) => kernels.measure(ms),
});
