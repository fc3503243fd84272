/** A sound log, and copies of it that are changed behind the backs of the triggers that guard it: for tests of the audit. */
import { cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { type AuditReport, auditLog } from "../../src/audit/audit-log.js";
import type { TreeHead } from "../../src/protocol/tlog-proof.js";
import { databasePath } from "../../src/store/sqlite/connection.js";
import { makeLog } from "./log-maker.js";

export const SOUND_EVENTS = 600;

/** Of which the places of 512 are merged when the log is opened again, and 100 are recent. */
const GENERATION_PLACES = 64;
const none = (): void => {};

export class SoundLog implements Disposable {
  readonly #base: string;
  readonly folder: string;

  private constructor(base: string) {
    this.#base = base;
    this.folder = join(base, "sound");
  }

  static async make(): Promise<SoundLog> {
    const log = new SoundLog(mkdtempSync(join(tmpdir(), "sequencer-audit-")));
    mkdirSync(log.folder);
    await makeLog(log.folder, SOUND_EVENTS, 5, none, GENERATION_PLACES);
    await makeLog(log.folder, 0, 0, none, GENERATION_PLACES);
    return log;
  }

  /** A folder without a log, gone with this one. */
  emptyFolder(): string {
    return mkdtempSync(join(this.#base, "other-"));
  }

  /** Folder of a copy. */
  copy(): string {
    const folder = this.emptyFolder();
    cpSync(this.folder, folder, { recursive: true });
    return folder;
  }

  /** Folder of a copy on which `sql` was run. */
  tampered(sql: string): string {
    const folder = this.copy();
    tamper(folder, sql);
    return folder;
  }

  [Symbol.dispose](): void {
    rmSync(this.#base, { recursive: true, force: true });
  }
}

/** Runs `sql` while the log's triggers and foreign keys are off. */
export function tamper(folder: string, sql: string): void {
  const db = new Database(databasePath(folder));
  const triggers = db.prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").all() as {
    name: string;
    sql: string;
  }[];
  db.pragma("foreign_keys = OFF");
  for (const { name } of triggers) db.exec(`DROP TRIGGER ${name}`);
  db.exec(sql);
  for (const trigger of triggers) db.exec(trigger.sql);
  db.close();
}

export interface AuditChoices {
  /** Default false: signatures are left out. */
  readonly withSignatures?: boolean;
  readonly threads?: number;
  readonly headMin?: number;
  readonly checkpoint?: TreeHead;
}

export function audit(folder: string, choices: AuditChoices = {}): Promise<AuditReport> {
  const path = databasePath(folder);
  return auditLog({ path, withSignatures: false, threads: 1, headMin: 0, onProgress: none, ...choices });
}
