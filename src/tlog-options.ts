/** The options of the log's tree, checked together: a witness nobody can reach or a name no note can carry is refused at start. */
import { isAbsolute, relative, resolve } from "node:path";
import { migrationsPath } from "./base/asset-paths.js";
import { toHex } from "./base/bytes.js";
import { type Config, ConfigError, itemsOf } from "./config.js";
import { isKeyName, NOTE_COSIGNATURE, parseNoteKey } from "./protocol/signed-note.js";
import { checkpointOrigin } from "./protocol/tlog-checkpoint.js";
import type { ServiceKeys } from "./service-keys.js";
import type { LogIdentity } from "./store/contract.js";
import { LeafRing } from "./store/leaf-ring.js";
import type { TakeOver } from "./store/sqlite/take-over.js";
import type { TlogWorkerData, WitnessAddress } from "./tlog/tlog-message.js";

export interface TlogSetup {
  /** Set when the operator declares this folder to be the log from now on. */
  readonly takeOver: TakeOver | undefined;
  /** What the lane hands its entries' leaves over in; null when no tree is kept. */
  readonly leafRing: SharedArrayBuffer | null;
  /** What the tlog thread is started with, for this log. */
  worker(log: LogIdentity): TlogWorkerData;
}

const WITNESS = /^(.+)@(https?:\/\/\S+)$/;

/** Throws ConfigError with every problem found. */
export function readTlogOptions(config: Config, folder: string, keys: ServiceKeys): TlogSetup {
  const problems: string[] = [];
  const { TLOG_ORIGIN: originPrefix, TLOG_WITNESS_QUORUM: witnessQuorum } = config;
  const tlogMigrationsFolder = migrationsPath("tlog");
  const guardPath = config.TLOG_GUARD_FILE === "" ? "" : resolve(config.TLOG_GUARD_FILE);
  const witnesses = readWitnesses(config.TLOG_WITNESSES, problems);
  if (!isKeyName(originPrefix) || originPrefix.endsWith("/")) {
    problems.push("TLOG_ORIGIN must be a name without spaces, + or a slash at its end");
  }
  if (witnessQuorum > witnesses.length) {
    problems.push(`TLOG_WITNESS_QUORUM is ${witnessQuorum}, there are ${witnesses.length} witnesses`);
  }
  if (guardPath !== "" && isInside(folder, guardPath)) {
    problems.push(
      "TLOG_GUARD_FILE must lie outside DATA_DIR: what is copied or restored with it remembers nothing more",
    );
  }
  if (problems.length > 0) throw new ConfigError(problems);
  const leafRing = LeafRing.allocate();
  return {
    leafRing: config.TLOG_ENABLED ? leafRing : null,
    takeOver: config.TLOG_TAKE_OVER ? { originPrefix, guardPath, tlogMigrationsFolder } : undefined,
    worker: (log) => ({
      folder,
      migrationsFolder: tlogMigrationsFolder,
      origin: checkpointOrigin(originPrefix, log),
      signingSeed: keys.checkpointSeed,
      guardPath,
      intervalMs: config.TLOG_CHECKPOINT_INTERVAL_MS,
      witnesses,
      witnessQuorum,
      leafRing,
    }),
  };
}

function readWitnesses(list: string, problems: string[]): WitnessAddress[] {
  const signers = new Set<string>();
  return itemsOf(list).flatMap((item) => {
    const [, text = "", url = ""] = WITNESS.exec(item) ?? [];
    const key = parseNoteKey(text);
    if (key?.type !== NOTE_COSIGNATURE || !URL.canParse(url)) {
      problems.push(`TLOG_WITNESSES: "${item}" is not an Ed25519 cosignature key and a URL, joined by @`);
      return [];
    }
    // Whoever holds one key is one witness, under any name and address: counted twice, it would be a quorum alone.
    const signer = toHex(key.publicKey);
    if (signers.has(signer)) problems.push(`TLOG_WITNESSES: "${item}" has the key of a witness before it`);
    signers.add(signer);
    return [{ key: text, url: url.replace(/\/+$/, "") }];
  });
}

function isInside(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way !== "" && !way.startsWith("..") && !isAbsolute(way);
}
