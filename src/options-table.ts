/**
 * Every option of the service, once: its environment variable, flag, default, bounds and help come from this table
 * (CFG-*; names as the source documents give them). `config.ts` reads it.
 */

interface Described {
  readonly help: string;
  /** Older names that are still read, after the option's own. */
  readonly aliases?: readonly string[];
  /** A variable that says the same in a form of its own, read after those; undefined = nothing that concerns us. */
  readonly foreign?: readonly [name: string, read: (text: string) => string | undefined];
  /** Never printed. */
  readonly isSecret?: boolean;
}

export interface IntegerOption extends Described {
  readonly kind: "integer";
  readonly default: number;
  readonly min: number;
  readonly max: number;
}

export interface BooleanOption extends Described {
  readonly kind: "boolean";
  readonly default: boolean;
}

export interface TextOption extends Described {
  readonly kind: "text";
  readonly default: string;
}

export interface ChoiceOption<C extends string = string> extends Described {
  readonly kind: "choice";
  readonly default: C;
  readonly choices: readonly C[];
  /** Other spellings of existing deployments. */
  readonly spellings?: Readonly<Record<string, C>>;
}

export type Option = IntegerOption | BooleanOption | TextOption | ChoiceOption;

const integer = (
  def: number,
  min: number,
  max: number,
  help: string,
  aliases: readonly string[] = [],
): IntegerOption => ({
  kind: "integer",
  default: def,
  min,
  max,
  help,
  aliases,
});
const boolean = (def: boolean, help: string): BooleanOption => ({ kind: "boolean", default: def, help });
const text = (def: string, help: string): TextOption => ({ kind: "text", default: def, help });
const secret = (help: string): TextOption => ({ kind: "text", default: "", help, isSecret: true });
const choice = <C extends string>(
  def: C,
  choices: readonly C[],
  help: string,
  more: Pick<ChoiceOption<C>, "spellings" | "foreign"> = {},
): ChoiceOption<C> => ({
  kind: "choice",
  default: def,
  choices,
  help,
  ...more,
});

const KIB = 1024;
const MIB = 1024 * KIB;
const MAX = Number.MAX_SAFE_INTEGER;

export const OPTIONS = {
  HOST: text("0.0.0.0", "Address to listen on."),
  PORT: integer(8080, 0, 65535, "Port for HTTP and WebSocket; 0 = any free one."),
  DATA_DIR: text("./data", "Folder of the log, its lock and generated keys. One process per folder."),
  REQUIRE_NATIVE_TRANSPORT: boolean(false, "Refuse to start on the slow JavaScript fallback of the HTTP server."),
  CORS_ALLOW_ORIGINS: text(
    "",
    "Comma list of origins whose pages may use the service from a browser (https://app.example), or *; empty = none.",
  ),

  AUTH_MODE: choice(
    "required",
    ["required", "disabled"],
    "disabled = everyone is admin; needs ALLOW_AUTH_DISABLED and loopback.",
  ),
  ALLOW_AUTH_DISABLED: boolean(false, "Second switch for AUTH_MODE=disabled."),
  BOOTSTRAP_ADMIN_API_KEY: secret(
    "Admin key (ss_…, 32+ characters). Unset = generated into DATA_DIR at the first start.",
  ),
  JWT_SECRET: secret("HS256 secret (32+ characters); unset = no tokens are accepted."),
  JWT_ISSUER: text("stateset-sequencer", "Required `iss` of tokens."),
  JWT_AUDIENCE: text("stateset-api", "Required `aud` of tokens."),

  VES_SEQUENCER_SIGNING_KEY: secret(
    "Ed25519 seed that signs receipts: 32 bytes, hex or base64. Unset = generated into DATA_DIR.",
  ),
  VES_SEQUENCER_ID: text("", "Sequencer UUID in receipts. Unset = generated into DATA_DIR."),

  SCHEMA_VALIDATION_MODE: choice(
    "enforce",
    ["disabled", "warn", "enforce", "required"],
    "required, also strict = refuse event types without a registered schema; the other modes have no schema to check against yet.",
    {
      spellings: {
        ...{ off: "disabled", none: "disabled", false: "disabled", "0": "disabled" },
        ...{ warning: "warn", warnonly: "warn", warn_only: "warn", optional: "warn" },
        ...{ on: "enforce", true: "enforce", "1": "enforce", strict: "required", require: "required" },
      },
    },
  ),
  ALLOWED_ENTITY_TYPES: text("", "Comma list of entity types to accept; empty = any."),
  MAX_EVENT_FUTURE_SECS: integer(3600, 0, MAX, "How far created_at may lie ahead of the server's clock, seconds."),
  ALLOW_KEY_REGISTRATION_WITHOUT_POP: boolean(false, "Let admins register agent keys without a proof of possession."),

  MAX_BODY_SIZE_BYTES: integer(10 * MIB, KIB, 256 * MIB, "Largest request body."),
  MAX_EVENTS_PER_BATCH: integer(1000, 1, 100_000, "Most events in one ingest request."),
  MAX_EVENT_PAYLOAD_SIZE: integer(MIB, 1, 64 * MIB, "Largest payload of one event, bytes."),

  SEQ_OVERLOAD_MAX_INFLIGHT_SUBMISSIONS: integer(
    4096,
    1,
    1_000_000,
    "Unanswered submissions above which new ones get 429.",
  ),
  // Under a second of batches on two cores: who is not refused does not wait for seconds.
  MAX_INFLIGHT_BYTES: integer(
    16 * MIB,
    MIB,
    16 * 1024 * MIB,
    "Body bytes of unanswered submissions above which new ones get 429.",
  ),
  SEQ_QUEUE_CAP: integer(
    2048,
    1,
    1_000_000,
    "Verified events that may wait for the lane: two commits of the largest size.",
  ),
  SEQ_MAX_USER_OPS_PER_CHUNK: integer(1024, 1, 100_000, "Most events in one commit.", ["SEQ_MAX_BATCH"]),
  VERIFY_THREADS: integer(
    0,
    0,
    256,
    "Signature threads; 0 = one per processor, at most 4: the lane keeps pace with no more.",
  ),
  READ_THREADS: integer(1, 1, 64, "Threads that read the store for replays and queries."),

  SEQ_WS_MAX_SUBSCRIBERS: integer(
    64,
    1,
    1_000_000,
    "Subscribers above which the handshake gets 429, or takes a place of the tenant with most.",
  ),
  SEQ_WS_MAX_CATCHUP_EVENTS: integer(50_000, 0, MAX, "Entries a subscription may start behind the head; 0 = no limit."),
  SEQ_BROADCASTER_PAGE_SIZE: integer(256, 1, 4096, "Entries a subscriber reads at a time."),
  PAGE_BYTES_MAX: integer(256 * KIB, KIB, 64 * MIB, "Bytes after which a page of entries ends."),
  TAIL_BYTES_MAX: integer(32 * MIB, 0, 4096 * MIB, "Recent entries kept in memory for live subscribers, bytes."),
  READ_AHEAD_BYTES_MAX: integer(
    16 * MIB,
    0,
    4096 * MIB,
    "Pages kept and read ahead for subscribers behind the tail, all together, bytes.",
  ),
  WS_PING_INTERVAL_SECS: integer(
    120,
    8,
    960,
    "Silence after which a subscriber is pinged; unanswered as long again, it is closed. Bytes on the way earn it more time.",
  ),

  CACHE_AGENT_KEY_MAX: integer(1000, 1, 10_000_000, "Agent keys kept in each cache."),
  CACHE_AGENT_KEY_TTL_SECS: integer(
    3600,
    1,
    MAX,
    "How long an agent key stays cached; a revocation never waits for it.",
  ),
  VES_COMMIT_EVENTS_THRESHOLD: integer(
    1024,
    0,
    MAX,
    "Uncommitted events of a stream from which they are committed automatically; 0 = never by count.",
  ),
  VES_COMMIT_AGE_SECS: integer(
    60,
    0,
    MAX,
    "How long an event may wait before its stream is committed automatically; 0 = never by age.",
  ),
  VES_COMMIT_INTERVAL_MS: integer(
    1000,
    10,
    3_600_000,
    "How often streams that are due for an automatic commitment are looked for.",
  ),
  VES_COMMIT_EVENTS_MAX: integer(65_536, 1, 1_048_576, "Most events in one commitment."),
  VES_COMMIT_BUILDS_MAX: integer(
    256,
    1,
    65_536,
    "Merkle trees in the making or waiting; more get 429. A tenant gets 3/4 of what it finds free, and its turn.",
  ),
  CACHE_VES_TREE_BYTES_MAX: integer(
    64 * MIB,
    0,
    4096 * MIB,
    "Merkle trees kept for proofs, bytes, of VES and of legacy events each; 64 per event.",
  ),
  CACHE_VES_COMMITMENT_MAX: integer(1000, 1, 10_000_000, "Commitments kept in memory.", ["CACHE_COMMITMENT_MAX"]),
  CACHE_VES_COMMITMENT_TTL_SECS: integer(300, 1, MAX, "How long a commitment stays cached.", [
    "CACHE_COMMITMENT_TTL_SECS",
  ]),
  CACHE_VES_PROOF_MAX: integer(5000, 1, 10_000_000, "Inclusion proofs kept in memory.", ["CACHE_PROOF_MAX"]),
  CACHE_VES_PROOF_TTL_SECS: integer(600, 1, MAX, "How long an inclusion proof stays cached.", ["CACHE_PROOF_TTL_SECS"]),

  VES_STARK_VERIFY_ON_SUBMIT: boolean(true, "Verify STARK proofs before they are stored."),
  VES_STARK_VERIFY_CONCURRENCY: integer(
    0,
    0,
    64,
    "Threads that read and verify proofs; 0 = half of the processors, 1 to 4.",
  ),
  VES_STARK_VERIFY_QUEUE: integer(256, 0, 65_536, "Proofs that may wait for a thread or for the store; more get 503."),
  VES_STARK_VERIFY_QUEUE_BYTES: integer(
    32 * MIB,
    0,
    4096 * MIB,
    "Bytes of proofs and their requests being worked on or waiting above which more get 503.",
  ),
  VES_STARK_VERIFY_TIMEOUT_SECS: integer(
    15,
    1,
    600,
    "A proof that is not verified and on its way to the store by then gets 504.",
  ),
  VES_STARK_ACCEPT_DEFAULT_PROFILE: boolean(
    false,
    "Also accept STARK proofs of the `default` option set: about 55 bits of security, for old provers only.",
  ),

  REJECTIONS_KEPT_MAX: integer(100_000, 0, MAX, "Rejection records kept; the oldest go first."),

  WAL_BYTES_TARGET: integer(8 * MIB, 4 * KIB, MAX, "Write-ahead log size from which it is moved into the database."),
  WAL_BYTES_MAX: integer(64 * MIB, 4 * KIB, MAX, "Write-ahead log content from which the writer waits for that."),
  CHECKPOINT_INTERVAL_MS: integer(250, 10, 60_000, "How often the write-ahead log is looked at."),

  UPGRADE_SLICE_ENTRIES: integer(
    500_000,
    1,
    MAX,
    "Entries taken up in one transaction where a log of an older version is upgraded: 28 bytes each of the write-ahead log.",
  ),

  TLOG_ENABLED: boolean(
    true,
    "Keep the log's tree and sign checkpoints. Off: ingest alone, for measuring; the tree is caught up when it is on again.",
  ),
  TLOG_ORIGIN: text(
    "stateset-sequencer",
    "What names this log in checkpoints, before its id and epoch: a host name and path without a scheme.",
  ),
  TLOG_SIGNING_KEY: secret(
    "Ed25519 seed that signs checkpoints: 32 bytes, hex or base64. Unset = generated into DATA_DIR.",
  ),
  TLOG_CHECKPOINT_INTERVAL_MS: integer(250, 50, 60_000, "Shortest time between two checkpoints of a growing log."),
  TLOG_GUARD_FILE: text(
    "",
    "File outside DATA_DIR that remembers what was signed, so that a restored or copied folder cannot sign a fork.",
  ),
  TLOG_TAKE_OVER: boolean(
    false,
    "Let a copied or restored data folder sign again: it begins a new epoch, old cursors and checkpoints end.",
  ),
  TLOG_WITNESSES: text("", "Comma list of witnesses that cosign checkpoints, each `<key>@<submission URL>`."),
  TLOG_QUESTIONS_MAX: integer(
    256,
    1,
    65_536,
    "Unanswered requests for tiles and proofs above which new ones get 429; half for bundles of entries.",
  ),
  TLOG_WITNESS_QUORUM: integer(0, 0, 16, "Cosignatures a checkpoint must have before it is served."),

  SHUTDOWN_DEADLINE_SECS: integer(30, 1, 3600, "A clean shutdown that takes longer is cut short."),
  LOG_LEVEL: choice(
    "info",
    ["trace", "debug", "info", "warn", "error", "fatal", "silent"],
    "Least severe log line to print. Unset = what RUST_LOG says, as existing deployments have it.",
    { foreign: ["RUST_LOG", levelOfRustFilter] },
  ),
  LOG_FORMAT: choice("auto", ["auto", "json", "text"], "auto = text on a terminal, JSON elsewhere."),
} as const;

export type OptionName = keyof typeof OPTIONS;

/** `info,sqlx=warn` or `stateset_sequencer=debug`: the level of the service itself, else of everything. */
function levelOfRustFilter(filter: string): string | undefined {
  const levels = filter
    .toLowerCase()
    .split(",")
    .map((directive) => /^\s*(stateset_sequencer\s*=)?\s*(off|error|warn|info|debug|trace)\s*$/.exec(directive))
    .filter((match) => match !== null);
  const level = (levels.find(([, own]) => own !== undefined) ?? levels[0])?.[2];
  return level === "off" ? "silent" : level;
}
