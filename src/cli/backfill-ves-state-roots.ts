/** `stateset-sequencer-admin backfill-ves-state-roots`: completes the chains of commitments from older databases. */
import { existsSync } from "node:fs";
import { migrationsPath } from "../base/asset-paths.js";
import { systemClock } from "../base/clock.js";
import { parseUuid, type Uuid } from "../base/ids.js";
import { backfillStateRoots } from "../store/sqlite/backfill-state-roots.js";
import { databasePath, openWriter } from "../store/sqlite/connection.js";
import { lockFolder } from "../store/sqlite/folder-lock.js";
import { migrate } from "../store/sqlite/migrate.js";
import { CommandArgs } from "./command-args.js";

const USAGE = `Usage: stateset-sequencer-admin backfill-ves-state-roots [--data-dir DIR] [options]

Computes the state roots of commitments that have none (32 zero bytes: rows of older databases), checks all others and
changes none of them. The service must not be running.

  --data-dir DIR    The service's data folder [./data]
  --tenant-id UUID  Only this tenant
  --store-id UUID   Only this store of the tenant
  --dry-run         Report what would be filled in, change nothing
  --force           Start at the first commitment instead of behind the last anchored one

Exit codes: 0 done, 1 a chain does not hold (nothing of that stream was changed), 2 bad usage, 75 data folder in use.`;

/** Resolves to the exit code. Throws UsageError, FolderLockedError. */
export async function backfillVesStateRootsCommand(argv: readonly string[]): Promise<number> {
  const text = { type: "string" } as const;
  const flag = { type: "boolean" } as const;
  const args = new CommandArgs("backfill-ves-state-roots", argv, {
    ...{ "data-dir": text, "tenant-id": text, "store-id": text },
    ...{ "dry-run": flag, force: flag },
  });
  if (args.has("help")) {
    console.log(USAGE);
    return 0;
  }
  args.expect();
  const folder = args.text("data-dir") ?? "./data";
  const tenantId = readId(args, "tenant-id");
  const storeId = readId(args, "store-id");
  if (storeId !== null && tenantId === null) throw args.refuse("--store-id needs --tenant-id");
  if (!existsSync(databasePath(folder))) throw args.refuse(`there is no log in ${folder}`);
  using _lock = lockFolder(folder);
  const db = openWriter(folder);
  try {
    migrate(db, migrationsPath("sqlite"), systemClock.nowMs());
    const options = { tenantId, storeId, isDryRun: args.has("dry-run"), isForced: args.has("force") };
    return report(backfillStateRoots(db, options), options.isDryRun);
  } finally {
    db.close();
  }
}

function report(streams: ReturnType<typeof backfillStateRoots>, isDryRun: boolean): number {
  const done = isDryRun ? "would_fill" : "filled";
  const total = { streams: 0, commitments: 0, filled: 0, faults: 0 };
  for (const { tenantId, storeId, commitments, filled, fault } of streams) {
    const outcome = fault === null ? `${done}=${filled}` : `unchanged: ${fault}`;
    console.log(`${tenantId}/${storeId}: commitments=${commitments} ${outcome}`);
    total.streams += 1;
    total.commitments += commitments;
    if (fault === null) total.filled += filled;
    else total.faults += 1;
  }
  const line = `streams=${total.streams} commitments=${total.commitments} ${done}=${total.filled}`;
  if (total.faults === 0) console.log(`ok: ${line}`);
  else console.error(`${total.faults} of ${line}: their chains do not hold`);
  return total.faults === 0 ? 0 : 1;
}

function readId(args: CommandArgs, flag: string): Uuid | null {
  const text = args.text(flag);
  if (text === undefined) return null;
  const id = parseUuid(text);
  if (id === null) throw args.refuse(`--${flag} must be a UUID`);
  return id;
}
