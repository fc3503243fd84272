import { createRequire } from "node:module";
import { type DestinationStream, type Logger, pino } from "pino";
import type { Clock } from "./clock.js";

export type { Logger } from "pino";

export interface LogOptions {
  readonly level: string;
  /** "auto": text on a terminal, JSON elsewhere. */
  readonly format: "auto" | "json" | "text";
}

/** Members that must never be printed, wherever a caller hands them in. */
const SECRETS = ["authorization", "apiKey", "api_key", "signingSeed", "*.authorization", "*.apiKey", "*.signingSeed"];

/** Bytes of lines that wait for room where they go; more are dropped. */
const UNWRITTEN_BYTES_MAX = 1 << 20;

const SAME_REASON_MS = 60_000;
/** Different reasons told apart: with more, one that was said already is said again. */
const REASONS_MAX = 64;

/** The process's one logger. Lines go to stderr: stdout belongs to commands. */
export function createLog(options: LogOptions): Logger {
  const isText = options.format === "text" || (options.format === "auto" && process.stderr.isTTY === true);
  const settings = { level: options.level, redact: SECRETS, base: null };
  const lines = openLines();
  if (!isText) return pino(settings, lines);
  // Loaded only where it is wanted: a service that logs JSON never pays for it.
  const { prettyFactory } = createRequire(import.meta.url)("pino-pretty") as typeof import("pino-pretty");
  const format = prettyFactory({ translateTime: "SYS:HH:MM:ss.l" });
  return pino(settings, { write: (line) => void lines.write(format(line)) });
}

/**
 * A log that cannot be written, on a disk that is full or to a reader that has gone, never ends what it is about: its lines
 * wait for the next one that can be.
 */
function openLines(): DestinationStream {
  const lines = pino.destination({ dest: 2, sync: true, maxLength: UNWRITTEN_BYTES_MAX });
  lines.on("error", () => {});
  return lines;
}

/**
 * Says each reason at most once a minute: what is tried again several times a second would otherwise fill, with the log, a disk
 * that is full already.
 */
export function saidRarely<D = void>(clock: Clock, say: (reason: string, detail: D) => void) {
  const saidMs = new Map<string, number>();
  return (reason: string, detail: D): void => {
    const nowMs = clock.nowMs();
    const lastMs = saidMs.get(reason);
    // The distance in both directions: a clock set back silences nothing.
    if (lastMs !== undefined && Math.abs(nowMs - lastMs) < SAME_REASON_MS) return;
    if (saidMs.size >= REASONS_MAX) saidMs.clear();
    saidMs.set(reason, nowMs);
    say(reason, detail);
  };
}
