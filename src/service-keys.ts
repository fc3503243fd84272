/**
 * The service's own secrets and identity: given by options, or generated once into the data folder (0600) so that they
 * survive restarts.
 */
import { randomBytes } from "node:crypto";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { hashApiKey } from "./auth/authenticator.js";
import { API_KEY_PREFIX } from "./auth/credential.js";
import { newApiKey } from "./auth/new-api-key.js";
import { fromHex, toHex } from "./base/bytes.js";
import { flushPath } from "./base/flush-path.js";
import { NIL_UUID, parseUuid, type Uuid } from "./base/ids.js";
import { randomUuid } from "./base/random-uuid.js";
import { type Config, ConfigError } from "./config.js";
import { decodeBase64Any } from "./protocol/base64url.js";
import { SEED_BYTES } from "./protocol/ed25519.js";

export interface ServiceKeys {
  readonly bootstrapKeyHash: string;
  /** The admin key's text, only at the start that generated it: to be shown once. */
  readonly generatedAdminKey: string | null;
  /** Null where an option gives the key. */
  readonly adminKeyPath: string | null;
  /** Files of the identity that were missing and made at this start: beside a log with entries that is a new identity. */
  readonly generatedFiles: readonly string[];
  readonly sequencerId: Uuid;
  readonly signingSeed: Uint8Array;
  /** Signs checkpoints of the whole log. */
  readonly checkpointSeed: Uint8Array;
}

/** Characters a secret must have at least, so that it cannot be guessed. */
const SECRET_CHARACTERS_MIN = 32;

/** Throws ConfigError for options that cannot serve as what they are named. */
export function readServiceKeys(config: Config, folder: string): ServiceKeys {
  checkSecrets(config);
  const given = config.BOOTSTRAP_ADMIN_API_KEY;
  const adminKeyPath = join(folder, "admin.key");
  const adminKey = given === "" ? readOrCreate(adminKeyPath, () => newApiKey(NIL_UUID)) : { text: given, isNew: false };
  refuse(adminKeyProblems(adminKeyPath, adminKey.text));
  const generatedFiles: string[] = [];
  return {
    bootstrapKeyHash: hashApiKey(adminKey.text),
    generatedAdminKey: adminKey.isNew ? adminKey.text : null,
    adminKeyPath: given === "" ? adminKeyPath : null,
    sequencerId: readSequencerId(config, folder, generatedFiles),
    signingSeed: readSeed(config, "VES_SEQUENCER_SIGNING_KEY", folder, generatedFiles),
    checkpointSeed: readSeed(config, "TLOG_SIGNING_KEY", folder, generatedFiles),
    generatedFiles,
  };
}

function checkSecrets({ BOOTSTRAP_ADMIN_API_KEY: admin, JWT_SECRET: jwt }: Config): void {
  const problems = admin === "" ? [] : adminKeyProblems("BOOTSTRAP_ADMIN_API_KEY", admin);
  if (jwt !== "" && jwt.length < SECRET_CHARACTERS_MIN) {
    problems.push(`JWT_SECRET must have at least ${SECRET_CHARACTERS_MIN} characters`);
  }
  refuse(problems);
}

/** `place`: the option or the file that holds the key. A key that no request can carry would lock its owner out. */
function adminKeyProblems(place: string, key: string): string[] {
  const problems: string[] = [];
  if (!key.startsWith(API_KEY_PREFIX)) {
    problems.push(`${place} must begin with ${API_KEY_PREFIX}: no request could use it otherwise`);
  }
  if (key.length < SECRET_CHARACTERS_MIN) {
    problems.push(`${place} must have at least ${SECRET_CHARACTERS_MIN} characters`);
  }
  if (!/^[!-~]*$/.test(key)) {
    problems.push(`${place} must be without spaces, line ends and anything but ASCII: no header could carry it`);
  }
  return problems;
}

function refuse(problems: readonly string[]): void {
  if (problems.length > 0) throw new ConfigError(problems);
}

function readSequencerId(config: Config, folder: string, generatedFiles: string[]): Uuid {
  const given = config.VES_SEQUENCER_ID;
  const path = join(folder, "sequencer.id");
  const id = parseUuid(given || readIdentity(path, randomUuid, generatedFiles));
  if (id === null) throw new ConfigError([`${given === "" ? path : "VES_SEQUENCER_ID"} must be a UUID`]);
  return id;
}

const SEED_FILES = { VES_SEQUENCER_SIGNING_KEY: "receipt-signing.key", TLOG_SIGNING_KEY: "checkpoint-signing.key" };

function readSeed(
  config: Config,
  option: keyof typeof SEED_FILES,
  folder: string,
  generatedFiles: string[],
): Uint8Array {
  const given = config[option];
  const path = join(folder, SEED_FILES[option]);
  const text = given || readIdentity(path, () => toHex(randomBytes(SEED_BYTES)), generatedFiles);
  const seed = fromHex(text, SEED_BYTES) ?? decodeBase64Any(text, SEED_BYTES);
  if (seed === null) {
    throw new ConfigError([`${given === "" ? path : option} must be ${SEED_BYTES} bytes of hex or base64`]);
  }
  return seed;
}

function readIdentity(path: string, create: () => string, generatedFiles: string[]): string {
  const { text, isNew } = readOrCreate(path, create);
  if (isNew) generatedFiles.push(path);
  return text;
}

/** The folder's lock is held: nobody else creates the file in between. */
function readOrCreate(path: string, create: () => string): { text: string; isNew: boolean } {
  try {
    return { text: readFileSync(path, "utf8").trim(), isNew: false };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  const text = create();
  // Renamed into place: a crash leaves no file or the whole one, never half a key; nobody hears of one that could be lost.
  writeFileSync(`${path}.new`, `${text}\n`, { mode: 0o600, flush: true });
  renameSync(`${path}.new`, path);
  flushPath(dirname(path));
  return { text, isNew: true };
}
