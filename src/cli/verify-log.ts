/** `stateset-sequencer verify-log`: prove a log from its stored bytes. Reads only; works beside a running service. */
import { existsSync, statSync } from "node:fs";
import { availableParallelism } from "node:os";
import cliProgress from "cli-progress";
import { type AuditReport, auditLog } from "../audit/audit-log.js";
import { type Checkpoint, readCheckpoint } from "../protocol/tlog-checkpoint.js";
import { databasePath, whyUnreadable } from "../store/sqlite/connection.js";
import { selectEd25519 } from "../verify/ed25519-native.js";
import { CommandArgs } from "./command-args.js";
import { EXIT_UNSOUND, printable } from "./offline/checklist.js";
import { noteKeyOf, noteOf } from "./offline/checkpoint-note.js";
import { Documents } from "./offline/documents.js";

/** As many as the service may have for signatures: a digit too many must not take the machine. */
const THREADS_MAX = 256;

const USAGE = `Usage: stateset-sequencer verify-log [--data-dir DIR | --db FILE] [options]

Re-derives every hash, signature, receipt, number and commitment of a log from its stored bytes, looks up every event id
and number where the service finds them, and hashes every registered proof. Writes nothing.

  --data-dir DIR     The service's data folder [./data]
  --db FILE          A database file, for example a backup
  --no-signatures    Leave Ed25519 out: about four times faster, all other checks. With signatures two are verified per
                     entry, the agent's and the receipt's, and seven tenths of the time is theirs
  --min-head N       Fail when the log has fewer than N entries: N from a receipt, a monitor or another copy. Without such a
                     witness a log that lost its tail cannot be told from one that never had it
  --checkpoint FILE  A checkpoint of the log's tree that was kept elsewhere (a file or URL, as verify-checkpoint takes it): its
                     entries must be those that were signed, to the byte. What no receipt covers is then held too: each
                     entry's offset, time and command id. A tenth more time
  --log-key KEY      The key that signed it, name+id+base64, pinned
  --threads N        Worker threads, up to ${THREADS_MAX} [one per processor]
  --json             One JSON object on stdout

Exit codes: 0 sound, 2 bad usage, ${EXIT_UNSOUND} not sound.`;

const TEXT = { type: "string" } as const;
const SWITCH = { type: "boolean" } as const;
const FLAGS = {
  ...{ "data-dir": TEXT, db: TEXT, "no-signatures": SWITCH, "min-head": TEXT, threads: TEXT },
  ...{ checkpoint: TEXT, "log-key": TEXT, json: SWITCH },
};

type Env = Readonly<Record<string, string | undefined>>;

/** Resolves to the exit code. Throws UsageError for bad usage. */
export async function verifyLogCommand(argv: readonly string[], env: Env): Promise<number> {
  const args = new CommandArgs("verify-log", argv, FLAGS);
  if (args.has("help")) {
    console.log(USAGE);
    return 0;
  }
  const options = { ...readOptions(args), checkpoint: await readCheckpointOf(args, env) };
  const startedMs = performance.now();
  const bar = new cliProgress.SingleBar({
    format: "{bar} {value}/{total} entries, {eta_formatted} left",
    hideCursor: true,
  });
  const hasBar = process.stderr.isTTY && !options.isJson;
  if (hasBar) bar.start(0, 0);
  const report = await auditLog({
    ...options,
    onProgress: (checked, head) => {
      bar.setTotal(head);
      bar.update(checked);
    },
  });
  if (hasBar) bar.stop();
  print(report, options, (performance.now() - startedMs) / 1000);
  return report.findings.length === 0 ? 0 : EXIT_UNSOUND;
}

interface VerifyLogOptions {
  readonly path: string;
  readonly withSignatures: boolean;
  readonly headMin: number;
  readonly threads: number;
  readonly isJson: boolean;
}

function readOptions(args: CommandArgs): VerifyLogOptions {
  args.expect();
  const folder = args.text("data-dir");
  const file = args.text("db");
  if (file !== undefined && folder !== undefined) throw args.refuse("--db and --data-dir exclude each other");
  const path = file ?? databasePath(folder ?? "./data");
  if (!(existsSync(path) && statSync(path).isFile())) throw args.refuse(`there is no file ${path}`);
  const problem = whyUnreadable(path);
  if (problem !== null) {
    throw args.refuse(`${path} cannot be read here (${problem}): copy it, with its -wal file, to where you may write`);
  }
  return {
    path,
    withSignatures: !args.has("no-signatures"),
    headMin: args.integer("min-head", 0),
    threads: args.count("threads", Math.min(availableParallelism(), THREADS_MAX), THREADS_MAX),
    isJson: args.has("json"),
  };
}

/** Throws UsageError for one that the key has not signed: it shows nothing of any log. */
async function readCheckpointOf(args: CommandArgs, env: Env): Promise<Checkpoint | undefined> {
  const place = args.text("checkpoint");
  const key = noteKeyOf(args);
  if ((place === undefined) !== (key === null)) throw args.refuse("--checkpoint and --log-key go together");
  if (place === undefined || key === null) return undefined;
  const note = noteOf(await new Documents(args, env).text(place, true));
  const read = readCheckpoint(note, key, selectEd25519());
  if ("fault" in read) throw args.refuse(`--checkpoint: ${printable(read.fault)}`);
  return read.checkpoint;
}

function print(
  report: AuditReport,
  options: VerifyLogOptions & { readonly checkpoint: Checkpoint | undefined },
  seconds: number,
): void {
  const { identity, entries, streams, entities, findings } = report;
  const isSound = findings.length === 0;
  const { checkpoint } = options;
  if (options.isJson) {
    const log = identity === null ? null : { log_id: identity.logId, epoch: identity.epoch };
    const counts = { entries, streams, entities, signatures_checked: options.withSignatures };
    const held = checkpoint === undefined ? null : { origin: checkpoint.origin, size: checkpoint.size };
    console.log(
      JSON.stringify({
        sound: isSound,
        log,
        ...counts,
        checkpoint: held,
        seconds: Number(seconds.toFixed(3)),
        findings,
      }),
    );
    return;
  }
  // The file may be anybody's: what it holds must not move the cursor and write another verdict.
  for (const { offset, message } of findings)
    console.error(printable(`${offset === null ? "log" : `offset ${offset}`}: ${message}`));
  const name = identity === null ? "" : printable(` of log ${identity.logId}, epoch ${identity.epoch}`);
  const what = options.withSignatures ? "hash, signature, receipt and number" : "hash and number (signatures left out)";
  const rate = Math.round(entries / seconds);
  const signed = checkpoint === undefined ? "" : `; the first ${checkpoint.size} are what ${checkpoint.origin} signed`;
  if (isSound)
    console.log(`sound: ${entries} entries in ${streams} streams${name}: every ${what} holds${signed} (${rate}/s)`);
  else if (entries === 0) console.error(`NOT SOUND: no entry${name} was shown to hold, see above`);
  else console.error(`NOT SOUND: entries 0 to ${entries - 1}${name} hold, see above for the first that does not`);
}
