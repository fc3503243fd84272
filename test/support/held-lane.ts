import { join } from "node:path";
import Database from "better-sqlite3";
import type { TestService } from "./service.js";

/**
 * Another's transaction: what is admitted meanwhile stays without an answer, however fast the machine is. For less than the
 * 10 s that a commit has patience.
 */
export function holdLane(service: TestService): Disposable {
  const stranger = new Database(join(service.folder, "sequencer.db"));
  stranger.exec("BEGIN IMMEDIATE");
  return { [Symbol.dispose]: () => void stranger.exec("ROLLBACK").close() };
}
