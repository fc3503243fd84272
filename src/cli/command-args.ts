/** Arguments of a command: flags from one table, positionals by count. Whatever does not fit is a UsageError. */
import { type ParseArgsConfig, parseArgs } from "node:util";
import { fromHex } from "../base/bytes.js";
import { UsageError } from "./usage-error.js";

export class CommandArgs {
  readonly #values: Readonly<Record<string, unknown>>;
  readonly positionals: readonly string[];

  constructor(
    readonly command: string,
    args: readonly string[],
    options: NonNullable<ParseArgsConfig["options"]>,
  ) {
    try {
      const all = { ...options, help: { type: "boolean", short: "h" } } as const;
      const { values, positionals } = parseArgs({ args: [...args], options: all, allowPositionals: true });
      this.#values = values;
      this.positionals = positionals;
    } catch (error) {
      throw this.refuse((error as Error).message);
    }
  }

  has(flag: string): boolean {
    return this.#values[flag] === true;
  }

  text(flag: string): string | undefined {
    return this.#values[flag] as string | undefined;
  }

  /** Every value of a flag that may be repeated. */
  texts(flag: string): readonly string[] {
    return (this.#values[flag] as readonly string[] | undefined) ?? [];
  }

  /** Bytes in hex, any case, with or without `0x`. */
  bytes(flag: string, lengthBytes: number): Uint8Array | null {
    const text = this.text(flag);
    if (text === undefined) return null;
    const bytes = fromHex(text, lengthBytes);
    if (bytes === null) throw this.refuse(`--${flag} must be ${lengthBytes} bytes of hex`);
    return bytes;
  }

  integer(flag: string, fallback: number): number {
    const text = this.text(flag);
    if (text === undefined) return fallback;
    if (/^\d{1,15}$/.test(text)) return Number(text);
    throw this.refuse(`--${flag} must be a whole number, not "${text}"`);
  }

  /** An integer from 1 to `max`. */
  count(flag: string, fallback: number, max: number): number {
    const value = this.integer(flag, fallback);
    if (value >= 1 && value <= max) return value;
    throw this.refuse(`--${flag} must be from 1 to ${max}`);
  }

  /** The command's own arguments, exactly as many as it takes. */
  expect(...names: string[]): string[] {
    const { positionals } = this;
    const missing = names[positionals.length];
    if (missing !== undefined) throw this.refuse(`${missing} is missing`);
    if (positionals.length > names.length) throw this.refuse(`unexpected argument ${positionals[names.length]}`);
    return [...positionals];
  }

  refuse(problem: string): UsageError {
    return new UsageError(`${this.command}: ${problem}; see ${this.command} --help`);
  }
}
