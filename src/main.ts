#!/usr/bin/env -S node --max-semi-space-size=4 --v8-pool-size=1
/** Process entry: which command, which signals, which exit code. */
import { setFlagsFromString } from "node:v8";
import { packageVersion } from "./base/asset-paths.js";
import { createLog, type Logger } from "./base/log.js";
import { ENGINE_FLAGS } from "./base/worker-limits.js";
import { healthCommand } from "./cli/health.js";
import { UsageError } from "./cli/usage-error.js";
import { type Service, startService } from "./compose.js";
import { type Config, ConfigError, describeOptions, readConfig } from "./config.js";
import { FolderLockedError } from "./store/sqlite/folder-lock.js";
import { hasNativeTransport } from "./transport/native.js";
import { sodiumEd25519 } from "./verify/ed25519-native.js";

/** Exit codes by meaning (sysexits where one fits). */
const EXIT_OK = 0;
const EXIT_CUT_SHORT = 1;
const EXIT_CONFIG = 2;
const EXIT_FATAL = 70;
const EXIT_LOCKED = 75;

const HELP = `stateset-sequencer ${packageVersion}: signed agent events in, one durable order, signed receipts out.

Usage: stateset-sequencer [serve] [options]
       stateset-sequencer health [options]      is the service with these options ready?
       stateset-sequencer backup | restore | verify-log | verify-receipt | verify-proof | verify-commitment |
       verify-checkpoint --help
       ves-stark --help, stateset-sequencer-admin --help    programs of their own; in the one file commands too

Options come from flags, then the environment, then --config <file.json>:
${describeOptions()}

  --help, --version
Exit codes: 0 clean, 1 shutdown cut short or not ready, 2 bad configuration or usage, 6 what was verified is not sound, 70 fatal (restart recovers), 73 no folder to unpack into (one file), 75 data folder in use.`;

type Env = Readonly<Record<string, string | undefined>>;

type Command = (args: readonly string[], env: Env) => Promise<number>;

/** Commands beside the service, loaded when called: a service needs none of their code. Each resolves to its exit code. */
const OFFLINE: Readonly<Record<string, () => Promise<Command>>> = {
  backup: async () => (await import("./cli/backup.js")).backupCommand,
  restore: async () => (await import("./cli/restore.js")).restoreCommand,
  "verify-log": async () => (await import("./cli/verify-log.js")).verifyLogCommand,
  "verify-checkpoint": async () => (await import("./cli/verify-checkpoint.js")).verifyCheckpointCommand,
  "verify-receipt": async () => (await import("./cli/verify-receipt.js")).verifyReceiptCommand,
  "verify-proof": async () => (await import("./cli/verify-proof.js")).verifyProofCommand,
  "verify-commitment": async () => (await import("./cli/verify-commitment.js")).verifyCommitmentCommand,
};

async function main(args: readonly string[]): Promise<void> {
  const [command = "serve", ...rest] = args[0]?.startsWith("--") === false ? args : ["serve", ...args];
  const load = OFFLINE[command];
  if (load !== undefined) process.exitCode = await (await load())(rest, process.env);
  else if (args.includes("--help")) console.log(HELP);
  else if (args.includes("--version")) console.log(packageVersion);
  else if (command === "health") process.exitCode = await healthCommand(readConfig(rest, process.env));
  else if (command !== "serve") throw new ConfigError([`unknown command ${command}; see --help`]);
  else await serve(readConfig(rest, process.env));
}

/** The log holds what tenants wrote: like the keys beside it, its files are the owner's, also in a folder that others can enter. */
const OWNER_ONLY = 0o077;

async function serve(config: Config): Promise<void> {
  process.umask(OWNER_ONLY);
  for (const flag of ENGINE_FLAGS) setFlagsFromString(flag);
  const log = createLog({ level: config.LOG_LEVEL, format: config.LOG_FORMAT });
  const stop = stopOnSignals(log, config.SHUTDOWN_DEADLINE_SECS);
  const onFatal = (error: Error): void => {
    log.fatal({ err: error }, "stopping: memory may be ahead of the disk; the next start recovers from it");
    process.exit(EXIT_FATAL);
  };
  const onStopped = (): void => {
    log.info("stopped before the log was upgraded; the next start goes on");
    process.exit(EXIT_OK);
  };
  const service = await startService(config, log, onFatal, { signal: stop.signal, onStopped });
  const { keys, head, address, port } = service;
  if (keys.generatedAdminKey !== null) {
    // The key is in its file too: a reader that has gone, or a full disk behind a redirect, ends nothing.
    process.stdout.on("error", () => {});
    console.log(`Admin API key (shown once, kept in ${keys.adminKeyPath}): ${keys.generatedAdminKey}`);
  }
  warnOfNewIdentity(service, log);
  warnOfClock(service, log);
  const transport = hasNativeTransport ? "native" : "fallback";
  const { logId, epoch, nextOffset } = head;
  const adminKeyFile = keys.adminKeyPath ?? undefined;
  log.info({ address, port, transport, logId, epoch, nextOffset, adminKeyFile }, "listening");
  const packages = [
    ...(hasNativeTransport ? [] : ["uWebSockets.js"]),
    ...(sodiumEd25519 === null ? ["sodium-native"] : []),
  ];
  if (packages.length > 0)
    log.warn({ packages, node: process.version }, "serving slowly: machine code does not load here");
  stop.runs(service);
}

/** Whoever pinned the key before believes nothing that is signed from now on; the operator may only have lost a file. */
function warnOfNewIdentity({ keys: { generatedFiles: files }, head: { nextOffset } }: Service, log: Logger): void {
  if (files.length === 0 || nextOffset === 0) return;
  log.warn(
    { files, nextOffset },
    "made anew, for a log with entries: receipts or checkpoints have another signer now. If the files exist, stop and put them back",
  );
}

/** What clocks are corrected by while they run. */
const CLOCK_BEHIND_MS_MAX = 60_000;

/** The log's time never runs back: after a clock that was ahead it stands still until the right time has come there. */
function warnOfClock({ clockBehindMs }: Service, log: Logger): void {
  if (clockBehindMs <= CLOCK_BEHIND_MS_MAX) return;
  log.warn({ clockBehindMs }, "the clock is behind the log's last event: sequenced_at stands still until it is there");
}

interface Stop {
  /** Aborted by the first signal. */
  readonly signal: AbortSignal;
  /** From now on there is something to stop; at once where the signal has come. */
  runs(service: Service): void;
}

const STOP_SIGNALS: readonly NodeJS.Signals[] = ["SIGTERM", "SIGINT", "SIGHUP"];

/**
 * What one wish to stop sends within this is one signal: Ctrl-C reaches npm and the service, and npm passes it on to the service;
 * SIGHUP comes from a terminal that was closed and from its shell, and beside SIGTERM when a session ends.
 */
const SAME_SIGNAL_MS = 500;

/**
 * The first SIGTERM, SIGINT or SIGHUP stops cleanly; a second one, or the deadline, ends the process at once. Heard before the
 * service starts: the first process of a container is ended by no signal that it does not hear, and an upgrade may take long.
 */
function stopOnSignals(log: Logger, deadlineSecs: number): Stop {
  const stopping = new AbortController();
  let running: Service | null = null;
  let first: { readonly signal: NodeJS.Signals; readonly heardMs: number } | null = null;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (first !== null) {
      const isSame = signal === first.signal || signal === "SIGHUP" || first.signal === "SIGHUP";
      if (isSame && performance.now() - first.heardMs < SAME_SIGNAL_MS) return;
      return void cutShort(running, log, `second ${signal}`);
    }
    first = { signal, heardMs: performance.now() };
    log.info({ signal }, "stopping");
    setTimeout(() => void cutShort(running, log, "deadline"), deadlineSecs * 1000).unref();
    stopping.abort();
    if (running !== null) stop(running, log);
  };
  for (const signal of STOP_SIGNALS) process.on(signal, onSignal);
  const runs = (service: Service): void => {
    running = service;
    if (stopping.signal.aborted) stop(service, log);
  };
  return { signal: stopping.signal, runs };
}

function stop(service: Service, log: Logger): void {
  service.stop().then(
    () => {
      log.info("stopped");
      process.exit(EXIT_OK);
    },
    (error: unknown) => {
      log.error({ err: error }, "stopped with failures");
      process.exit(EXIT_CUT_SHORT);
    },
  );
}

async function cutShort(service: Service | null, log: Logger, reason: string): Promise<void> {
  log.warn({ reason }, "shutdown cut short: everything acknowledged is durable, open requests get no answer");
  await service?.starts.settledForExit();
  process.exit(EXIT_CUT_SHORT);
}

main(process.argv.slice(2)).catch((error: unknown) => {
  if (error instanceof UsageError) {
    console.error(`stateset-sequencer ${error.message}`);
    process.exit(EXIT_CONFIG);
  }
  if (error instanceof ConfigError) {
    for (const problem of error.problems) console.error(`stateset-sequencer: ${problem}`);
    process.exit(EXIT_CONFIG);
  }
  console.error(`stateset-sequencer: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(error instanceof FolderLockedError ? EXIT_LOCKED : EXIT_FATAL);
});
