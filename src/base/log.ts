import { createRequire } from "node:module";
import { type Logger, pino } from "pino";

export type { Logger } from "pino";

export interface LogOptions {
  readonly level: string;
  /** "auto": text on a terminal, JSON elsewhere. */
  readonly format: "auto" | "json" | "text";
}

/** Members that must never be printed, wherever a caller hands them in. */
const SECRETS = ["authorization", "apiKey", "api_key", "signingSeed", "*.authorization", "*.apiKey", "*.signingSeed"];

/** The process's one logger. Lines go to stderr: stdout belongs to commands. */
export function createLog(options: LogOptions): Logger {
  const isText = options.format === "text" || (options.format === "auto" && process.stderr.isTTY === true);
  const settings = { level: options.level, redact: SECRETS, base: null };
  if (!isText) return pino(settings, pino.destination({ dest: 2, sync: true }));
  // Loaded only where it is wanted: a service that logs JSON never pays for it.
  const pretty = createRequire(import.meta.url)("pino-pretty") as typeof import("pino-pretty");
  return pino(settings, pretty({ destination: 2, sync: true, translateTime: "SYS:HH:MM:ss.l" }));
}
