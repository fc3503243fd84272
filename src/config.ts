/**
 * Reads the options table from flags, environment and an optional file, in that order of precedence. Unknown names and
 * bad values are refused with a line each: a typo never falls back to a default in silence.
 */
import { readFileSync } from "node:fs";
import { OPTIONS, type Option, type OptionName } from "./options-table.js";

type ValueOf<O> = O extends { kind: "integer" }
  ? number
  : O extends { kind: "boolean" }
    ? boolean
    : O extends { kind: "choice"; choices: readonly (infer C)[] }
      ? C
      : string;

export type Config = { readonly [N in OptionName]: ValueOf<(typeof OPTIONS)[N]> };

/** What is wrong with the configuration, one line per problem. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";

  constructor(readonly problems: readonly string[]) {
    super(problems.join("\n"));
  }
}

/** Prefixes that belong to this service alone: an unknown variable with one of them is a typo. */
const OWN_PREFIXES = ["SEQ_", "VES_SEQUENCER_"];

/** Of existing deployments: whoever sets one relies on what this service does not do. Nobody else's programs mean much by them. */
const UNHEEDED = [
  ...[
    "DATABASE_URL",
    "READ_DATABASE_URL",
    "RATE_LIMIT_PER_MINUTE",
    "ADMIN_IP_ALLOWLIST",
    "VES_STRICT_FORMAT_VALIDATION",
  ],
  ...["PAYLOAD_ENCRYPTION_MODE", "PAYLOAD_ENCRYPTION_KEY", "PAYLOAD_ENCRYPTION_KEYS"],
  ...["PAYLOAD_ENCRYPTION_KEYS_BY_TENANT", "PUBLIC_AGENT_REGISTRATION_ENABLED", "TRUST_PROXY_HEADERS", "GRPC_PORT"],
  ...["L2_RPC_URL", "SET_REGISTRY_ADDRESS", "SEQUENCER_PRIVATE_KEY", "OTEL_EXPORTER_OTLP_ENDPOINT"],
] as const;

const NAMES = Object.keys(OPTIONS) as OptionName[];

/** `args`: `--port 8080`, `--port=8080`, `--config file.json`. Throws ConfigError with every problem found. */
export function readConfig(args: readonly string[], env: Readonly<Record<string, string | undefined>>): Config {
  const problems: string[] = [];
  const flags = readFlags(args, problems);
  const file = readFile(flags.get("CONFIG"), problems);
  flags.delete("CONFIG");
  refuseUnknown(env, problems);
  const config: Record<string, unknown> = {};
  for (const name of NAMES) {
    const option: Option = OPTIONS[name];
    const text =
      flags.get(name) ?? firstSet(env, [name, ...(option.aliases ?? [])]) ?? fromForeign(env, option) ?? file.get(name);
    config[name] = text === undefined ? option.default : parse(name, option, text, problems);
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return config as Config;
}

/** Variables that ask for what this service does not do. One that switches something off asks for nothing. */
export function unheededVariables(env: Readonly<Record<string, string | undefined>>): string[] {
  return UNHEEDED.filter(
    (name) => !["", "0", "false", "off", "no", "disabled"].includes((env[name] ?? "").toLowerCase()),
  );
}

/** Of an option that is a comma list. */
export function itemsOf(list: string): string[] {
  return list
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");
}

/** One line per option, for `--help`. */
export function describeOptions(): string {
  return NAMES.map((name) => {
    const option: Option = OPTIONS[name];
    const values = option.kind === "choice" ? ` (${option.choices.join(" | ")})` : "";
    const fallback = option.default === "" ? "" : ` [${option.default}]`;
    return `  ${flagOf(name).padEnd(42)} ${name}\n      ${option.help}${values}${fallback}`;
  }).join("\n");
}

function flagOf(name: string): string {
  return `--${name.toLowerCase().replaceAll("_", "-")}`;
}

function readFlags(args: readonly string[], problems: string[]): Map<string, string> {
  const known = new Map<string, string>([...NAMES, "CONFIG"].map((name) => [flagOf(name), name]));
  const flags = new Map<string, string>();
  for (let i = 0; i < args.length; i++) {
    const [flag, inline] = splitOnce(args[i]!, "=");
    const name = known.get(flag);
    const value = inline ?? args[++i];
    if (name === undefined) problems.push(`unknown option ${flag}`);
    else if (value === undefined) problems.push(`${flag} needs a value`);
    else flags.set(name, value);
  }
  return flags;
}

function splitOnce(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

/** A JSON object of option names to text, numbers or booleans. */
function readFile(path: string | undefined, problems: string[]): Map<string, string> {
  const values = new Map<string, string>();
  if (path === undefined) return values;
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    problems.push(
      `cannot read ${path}: ${error instanceof SyntaxError ? whyNotJson(error) : (error as Error).message}`,
    );
    return values;
  }
  if (typeof content !== "object" || content === null || Array.isArray(content)) {
    problems.push(`${path} must hold a JSON object of options`);
    return values;
  }
  for (const [name, value] of Object.entries(content)) {
    if (!Object.hasOwn(OPTIONS, name)) problems.push(`unknown option ${name} in ${path}`);
    else if (!["string", "number", "boolean"].includes(typeof value))
      problems.push(`${name} in ${path} has no plain value`);
    else values.set(name, String(value));
  }
  return values;
}

/** Without the engine's excerpt of the file, which may be of a secret. */
function whyNotJson({ message }: SyntaxError): string {
  return `it is not JSON${/ at position \d+/.exec(message)?.[0] ?? ""}`;
}

function refuseUnknown(env: Readonly<Record<string, string | undefined>>, problems: string[]): void {
  const known = new Set<string>(NAMES);
  for (const option of Object.values<Option>(OPTIONS)) for (const alias of option.aliases ?? []) known.add(alias);
  for (const name of Object.keys(env)) {
    if (OWN_PREFIXES.some((prefix) => name.startsWith(prefix)) && !known.has(name))
      problems.push(`unknown option ${name}`);
  }
}

function firstSet(env: Readonly<Record<string, string | undefined>>, names: readonly string[]): string | undefined {
  for (const name of names) {
    const value = env[name];
    if (value !== undefined && value !== "") return value;
  }
  return undefined;
}

function fromForeign(env: Readonly<Record<string, string | undefined>>, option: Option): string | undefined {
  if (option.foreign === undefined) return undefined;
  const [name, read] = option.foreign;
  return read(env[name] ?? "");
}

/** Secrets are named in a problem, never shown. */
function parse(name: string, option: Option, text: string, problems: string[]): unknown {
  const refuse = (expected: string): void => {
    problems.push(`${name} must be ${expected}${option.isSecret ? "" : `, not "${text}"`}`);
  };
  switch (option.kind) {
    case "integer": {
      const value = Number(text);
      const isValid = /^-?\d+$/.test(text) && value >= option.min && value <= option.max;
      if (!isValid) refuse(`an integer from ${option.min} to ${option.max}`);
      return value;
    }
    case "boolean": {
      const value = text.toLowerCase();
      if (["1", "true", "on", "yes"].includes(value)) return true;
      if (!["0", "false", "off", "no"].includes(value)) refuse("true or false");
      return false;
    }
    case "choice": {
      const spelt = text.trim().toLowerCase();
      const value = option.choices.find((candidate) => candidate === (option.spellings?.[spelt] ?? spelt));
      if (value === undefined) refuse(`one of ${option.choices.join(", ")}`);
      return value;
    }
    case "text":
      // Nothing where something must stand would mean the current folder, any host, tokens of anyone.
      if (text === "" && option.default !== "") problems.push(`${name} must not be empty`);
      return text;
  }
}
