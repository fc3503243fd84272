/** The service as a process: signals, what it says at its start, and how it ends. */
import { setFlagsFromString } from "node:v8";
import { toHex } from "./base/bytes.js";
import { EXIT } from "./base/exit-codes.js";
import { createLog, type Logger } from "./base/log.js";
import { ENGINE_FLAGS } from "./base/worker-limits.js";
import { type Service, startService } from "./compose.js";
import type { Config } from "./config.js";
import { hasNativeTransport } from "./transport/native.js";
import { selectEd25519, sodiumEd25519 } from "./verify/ed25519-native.js";

/** The log holds what tenants wrote: like the keys beside it, its files are the owner's, also in a folder that others can enter. */
const OWNER_ONLY = 0o077;

/**
 * Resolves when it listens; from then on it ends the process itself. Rejects with what kept it from that. `unheeded`: variables that
 * somebody set for nothing.
 */
export async function serve(config: Config, unheeded: readonly string[]): Promise<void> {
  process.umask(OWNER_ONLY);
  for (const flag of ENGINE_FLAGS) setFlagsFromString(flag);
  const log = createLog({ level: config.LOG_LEVEL, format: config.LOG_FORMAT });
  const stop = stopOnSignals(log, config.SHUTDOWN_DEADLINE_SECS);
  const onFatal = (error: Error): void => {
    log.fatal({ err: error }, "stopping: memory may be ahead of the disk; the next start recovers from it");
    process.exit(EXIT.fatal);
  };
  const onStopped = (): void => {
    log.info("stopped before the log was upgraded; the next start goes on");
    process.exit(EXIT.ok);
  };
  const service = await startService(config, log, onFatal, { signal: stop.signal, onStopped });
  const { keys, head, address, port } = service;
  if (keys.generatedAdminKey !== null) {
    // The key is in its file too: a reader that has gone, or a full disk behind a redirect, ends nothing.
    process.stdout.on("error", () => {});
    console.log(`Admin API key (shown once, kept in ${keys.adminKeyPath}): ${keys.generatedAdminKey}`);
  }
  if (unheeded.length > 0)
    log.warn({ variables: unheeded }, "set, but not heeded: this service does not do what they ask for");
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

/**
 * Whoever pinned the key before believes nothing that is signed from now on; the operator may only have lost a file, or the
 * environment of the start before.
 */
function warnOfNewIdentity({ keys, head: { nextOffset }, formerSigner }: Service, log: Logger): void {
  const { generatedFiles: files, sequencerId } = keys;
  if (nextOffset === 0) return;
  if (files.length > 0) {
    log.warn(
      { files, nextOffset },
      "made anew, for a log with entries: receipts or checkpoints have another signer now. If the files exist, stop and put them back",
    );
  } else if (formerSigner !== null) {
    const former = { sequencerId: formerSigner.sequencerId, publicKey: toHex(formerSigner.publicKey) };
    log.warn(
      { former, sequencerId, publicKey: toHex(selectEd25519().publicKey(keys.signingSeed)), nextOffset },
      "receipts have another signer from here on than the log's last entry. If that is not meant, stop and give the former VES_SEQUENCER_SIGNING_KEY and VES_SEQUENCER_ID, or their files",
    );
  }
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
      process.exit(EXIT.ok);
    },
    (error: unknown) => {
      log.error({ err: error }, "stopped with failures");
      process.exit(EXIT.failed);
    },
  );
}

async function cutShort(service: Service | null, log: Logger, reason: string): Promise<void> {
  log.warn({ reason }, "shutdown cut short: everything acknowledged is durable, open requests get no answer");
  await service?.starts.settledForExit();
  process.exit(EXIT.failed);
}
