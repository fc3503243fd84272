/** Both ends of the load's process: it runs apart from the bench, so that preparing and driving never share a thread with it. */
import { Child, serveSteps } from "../child.js";
import type { Load } from "../plan.js";
import type { Target } from "./call.js";
import type { ClosedLoopResult } from "./closed-loop.js";
import { LoadSession, type OpenDrive, type OpenDriveResult } from "./load-session.js";

/** The bench's end. One step at a time. */
export class LoadProcess implements Disposable {
  readonly #child = new Child(import.meta.url);

  static async start(target: Target): Promise<LoadProcess> {
    const load = new LoadProcess();
    await load.#child.ask("open", plain(target));
    return load;
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** The same agents at a service that was started again. */
  async move(target: Target): Promise<void> {
    await this.#child.ask("move", plain(target));
  }

  /** Signs everything the next drive sends. */
  async prepare(load: Load): Promise<void> {
    await this.#child.ask("prepare", load);
  }

  drive(): Promise<ClosedLoopResult> {
    return this.#child.ask("drive");
  }

  driveOpen(drive: OpenDrive): Promise<OpenDriveResult> {
    return this.#child.ask("driveOpen", drive);
  }

  check(): Promise<string | null> {
    return this.#child.ask("check");
  }

  [Symbol.dispose](): void {
    this.#child[Symbol.dispose]();
  }
}

/** Of whatever has them: getters do not cross between processes. */
function plain({ port, adminKey }: Target): Target {
  return { port, adminKey };
}

let session: LoadSession;

serveSteps(import.meta.url, {
  open: async (target: Target) => {
    session = await LoadSession.open(target);
  },
  move: (target: Target) => session.move(target),
  prepare: (load: Load) => session.prepare(load),
  drive: () => session.drive(),
  driveOpen: (drive: OpenDrive) => session.driveOpen(drive),
  check: () => session.check(),
});
