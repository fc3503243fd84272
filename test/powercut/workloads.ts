/** What the service is doing when the power goes: small logs, so that thousands of states can be looked at. */
import { copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { migrationsPath } from "../../src/base/asset-paths.js";
import { openWriter } from "../../src/store/sqlite/connection.js";
import { migrate } from "../../src/store/sqlite/migrate.js";
import { LegacyClient } from "../support/legacy-client.js";
import { sendBatch, signBatch } from "../support/load.js";
import { makeLog } from "../support/log-maker.js";
import { runMain } from "../support/run-main.js";
import type { TestAgent, TestService } from "../support/service.js";
import { Subscriber } from "../support/subscriber.js";
import type { Recorder } from "./recorder.js";
import type { Fact } from "./told.js";

export interface Workload {
  readonly name: string;
  /** Options of the service; `root` is the folder that stands for the disk. */
  env(root: string): Record<string, string>;
  /** What is on the disk before. Returns how many entries of a log. */
  prepare?(root: string, scratch: string): Promise<number>;
  run(service: TestService, recorder: Recorder): Promise<void>;
}

/** Room for a few chunks: the write-ahead log is moved and begun anew all the time. */
const SMALL_WAL = { WAL_BYTES_TARGET: "65536", WAL_BYTES_MAX: "131072", CHECKPOINT_INTERVAL_MS: "10" };
const OLD_ENTRIES = 40;

export const WORKLOADS: readonly Workload[] = [
  {
    name: "single events of four agents, a subscriber, a SIGKILL in the middle",
    env: () => ({}),
    async run(service) {
      for (let half = 0; half < 2; half++) {
        const agents = await Promise.all([1, 2, 3, 4].map(() => service.agent()));
        await using _subscriber = await Subscriber.open(service);
        await Promise.all(agents.map((agent) => ingest(service, agent, 8, 1)));
        if (half === 0) await service.crashAndRestart();
      }
    },
  },
  {
    name: "batches of both kinds, the write-ahead log moved into the database meanwhile",
    env: () => SMALL_WAL,
    async run(service, recorder) {
      const agents = await Promise.all([1, 2].map(() => service.agent()));
      const signed = agents.map((agent) => ingest(service, agent, 12, 6));
      await Promise.all([...signed, ingestLegacy(service, recorder, 8, 5)]);
    },
  },
  {
    name: "commitments, checkpoints of the tree with a guard, a revocation",
    env: (root) => ({
      ...SMALL_WAL,
      ...{ VES_COMMIT_EVENTS_THRESHOLD: "4", VES_COMMIT_INTERVAL_MS: "20" },
      ...{ TLOG_CHECKPOINT_INTERVAL_MS: "50", TLOG_GUARD_FILE: join(root, "guard", "heads.db") },
    }),
    async prepare(root) {
      mkdirSync(join(root, "guard"));
      return 0;
    },
    async run(service, recorder) {
      const mark = (fact: Fact) => recorder.mark(fact);
      for (let round = 0; round < 6; round++) {
        const agent = await service.agent();
        await ingest(service, agent, 3, 3);
        const { tenantId, storeId, agentId } = agent;
        const query = `tenant_id=${tenantId}&store_id=${storeId}&status=all`;
        const { commitments = [] } = (await service.get(`/api/v1/ves/commitments?${query}`)).json;
        for (const { batch_id: batchId } of commitments) mark({ kind: "committed", batchId });
        const { text: note, status } = await service.get("/tlog/checkpoint");
        if (status === 200) mark({ kind: "checkpoint", note });
        const revoked = await service.post("/api/v1/agents/keys/revoke", { tenantId, agentId, keyId: 1 });
        mark({ kind: "revoked", agentId, revokedAt: revoked.json.revokedAt });
      }
    },
  },
  {
    name: "backups beside the load, one replaced by the next",
    env: () => SMALL_WAL,
    async run(service, recorder) {
      const agent = await service.agent();
      for (let round = 0; round < 3; round++) {
        await ingest(service, agent, 2, 5);
        const file = join(recorder.root, "data", "copy.db");
        const args = ["backup", file, "--data-dir", service.folder, "--force"];
        const [{ code, stdout }] = await Promise.all([runMain(args, recorder.env), ingest(service, agent, 4, 2)]);
        if (code !== 0) throw new Error("no backup");
        recorder.mark({ kind: "backup", file: "copy.db", entries: Number(/: (\d+) entries/.exec(stdout)![1]) });
      }
    },
  },
  {
    name: "the first start on a log of an older version",
    env: () => ({ UPGRADE_SLICE_ENTRIES: "7" }),
    async prepare(root, scratch) {
      await makeOldLog(join(root, "data"), scratch);
      return OLD_ENTRIES;
    },
    async run(service) {
      await ingest(service, await service.agent(), 5, 2);
      await service.process.stop();
      await service.startAgain();
      await ingest(service, await service.agent(), 5, 2);
    },
  },
];

async function ingest(service: TestService, agent: TestAgent, batches: number, size: number): Promise<void> {
  for (let sent = 0; sent < batches; sent++) {
    const answer = await sendBatch(service, signBatch(agent, size));
    if (answer.status !== 200) throw new Error(answer.text);
  }
}

/** Answers to legacy events have no receipts: what is known after them is how long the log was. */
async function ingestLegacy(service: TestService, recorder: Recorder, batches: number, size: number): Promise<void> {
  const client = new LegacyClient(service);
  for (let sent = 0; sent < batches; sent++) {
    const answer = await client.ingest(client.events(size));
    if (answer.status !== 200) throw new Error(answer.text);
    const { next_offset: entries } = (await service.get("/api/v1/head")).json;
    recorder.mark({ kind: "head", entries } satisfies Fact);
  }
}

/** A log as the first migration left it, with entries, some of it in the write-ahead log of a process that was killed. */
async function makeOldLog(target: string, scratch: string): Promise<void> {
  const [today, folder, migrations] = ["today", "old", "migrations"].map((name) => join(scratch, name)) as [
    string,
    string,
    string,
  ];
  for (const path of [target, today, folder, migrations]) mkdirSync(path, { recursive: true });
  await makeLog(today, OLD_ENTRIES);
  copyFileSync(join(migrationsPath("sqlite"), "0001_core.sql"), join(migrations, "0001_core.sql"));
  const db = openWriter(folder);
  migrate(db, migrations, 0);
  db.prepare("ATTACH ? AS today").run(join(today, "sequencer.db"));
  const tables = db.prepare("SELECT name FROM main.sqlite_schema WHERE type = 'table'").pluck().all() as string[];
  for (const table of tables.filter((name) => name !== "schema_migrations" && !name.startsWith("sqlite_"))) {
    const names = (db.pragma(`main.table_info(${table})`) as { name: string }[]).map(({ name }) => `"${name}"`);
    db.exec(`INSERT INTO main.${table} (${names}) SELECT ${names} FROM today.${table}`);
  }
  for (const name of ["sequencer.db", "sequencer.db-wal"]) copyFileSync(join(folder, name), join(target, name));
  db.close();
}
