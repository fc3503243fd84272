/** Mutations of an envelope as a value: each takes a copy apart a little further. Some leave its content as it was. */
import type { Random } from "./random.js";

export type Envelope = Record<string, unknown>;
type Mutation = (event: Envelope, random: Random, others: readonly Envelope[]) => void;

const IDS = ["event_id", "tenant_id", "store_id", "source_agent_id", "command_id"];
const TEXTS = ["entity_type", "entity_id", "event_type", "created_at"];
const HASHES = ["payload_plain_hash", "payload_cipher_hash", "agent_signature"];
const NUMBERS = [
  "ves_version",
  "agent_key_id",
  "payload_kind",
  "base_version",
  "agent_signature_scheme",
  "sequence_number",
];
const ALL = [
  ...IDS,
  ...TEXTS,
  ...HASHES,
  ...NUMBERS,
  "payload",
  "payload_encrypted",
  "agent_signature_bundle",
  "sequenced_at",
];

const ODD_VALUES: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1.5,
  1e300,
  "",
  "x",
  [],
  {},
  [[]],
  { a: null },
  "0x",
  "1",
  -0,
];
const ODD_NUMBERS = [
  0,
  1,
  2,
  3,
  99,
  -1,
  0.5,
  255,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 32,
  2 ** 53,
  1e19,
  18446744073709550000,
  1e21,
  1e300,
];
const ODD_TEXTS = [
  "",
  "\0",
  "a\0b",
  "\u{1f600}",
  "\ud800",
  "\udc00x",
  "\u2028",
  "é",
  "e\u0301",
  "\ufeff",
  "x".repeat(129),
  "é".repeat(64),
  "x".repeat(513),
  "ﬀ\u0000\u{10ffff}",
  "constructor",
  "__proto__",
  '"},{"',
  "\\",
  "\u007f\u0080",
];
export const TIMES = [
  "2025-01-01T00:00:00Z",
  "2024-02-29t23:59:60.123456789z",
  "2025-06-30 12:00:00+23:59",
  "0000-01-01T00:00:00Z",
  "2025-01-01T00:00:00\u221201:00",
  "2025-02-29T00:00:00Z",
  "2025-01-01T24:00:00Z",
  "2025-13-01T00:00:00Z",
  "2025-01-01T00:00:00",
  "2025-01-01",
  "9999-12-31T23:59:59Z",
  "2025-01-01T00:00:00.Z",
  "+2025-01-01T00:00:00Z",
  "2025-01-01T00:00:00+24:00",
  " 2025-01-01T00:00:00Z",
];
const NEW_NAMES = [
  "x",
  "eventId",
  "__proto__",
  "constructor",
  "toString",
  "",
  "event_id ",
  "Event_id",
  "\u0000",
  "hasOwnProperty",
  "é",
];

export function mutateFields(event: Envelope, random: Random, others: readonly Envelope[]): Envelope {
  const copy = { ...event };
  for (let count = 1 + random.below(2); count > 0; count--) random.pick(MUTATIONS)(copy, random, others);
  return random.chance(0.1) ? shuffled(copy, random) : copy;
}

const MUTATIONS: readonly Mutation[] = [
  respellId,
  respellHex,
  (event, random) => change(event, random.pick(HASHES), (text) => flipHex(text, random)),
  (event, random) => change(event, random.pick(TEXTS), (text) => editText(text, random)),
  setting(TEXTS, (random) => random.pick(ODD_TEXTS)),
  setting(IDS, (random) => random.uuid()),
  setting(NUMBERS, (random) => random.pick(ODD_NUMBERS)),
  setting(ALL, (random) => random.pick(ODD_VALUES)),
  (event, random) => void delete event[random.pick(ALL)],
  (event, random) => define(event, random.pick(NEW_NAMES), random.pick(ODD_VALUES)),
  (event, random, others) => splice(event, random.pick(others), random.pick(ALL)),
  setting(TEXTS, (random, _, event) => event[random.pick(TEXTS)]),
  setting(["created_at"], (random) => random.pick(TIMES)),
  setting(["sequenced_at"], (random) => random.pick(TIMES)),
  setting(["agent_key_id"], (random) => random.below(5)),
  setting(["command_id"], (random, others) => (random.chance(0.5) ? random.uuid() : random.pick(others).command_id)),
  setting(["base_version"], (random) => random.below(4)),
  setting(["agent_signature_scheme"], (random) => random.pick([0, 1, 2, 3, 4, -5])),
  setting(["agent_signature_bundle"], (random) => random.pick([null, {}, { ed25519_signature: [1] }, []])),
  setting(["payload"], (random, _, event) => editPayload(event.payload, random)),
  setting(["payload"], (random) => nested(random.pick([3, 100, 123, 124, 125, 200]))),
  setting(["payload_encrypted"], (random, others) => random.pick(others).payload_encrypted),
  editEncrypted,
  editEncrypted,
];

/** Sets one of the named members. */
function setting(
  names: readonly string[],
  value: (random: Random, others: readonly Envelope[], event: Envelope) => unknown,
): Mutation {
  return (event, random, others) => define(event, random.pick(names), value(random, others, event));
}

function change(event: Envelope, name: string, edit: (text: string) => string): void {
  const value = event[name];
  if (typeof value === "string") event[name] = edit(value);
}

function respellId(event: Envelope, random: Random): void {
  change(event, random.pick(IDS), (id) => {
    const spellings = [
      id.toUpperCase(),
      id.replaceAll("-", ""),
      `{${id}}`,
      `urn:uuid:${id}`,
      `URN:UUID:${id}`,
      `{${id}`,
      ` ${id}`,
      `{urn:uuid:${id}}`,
      `${id}-`,
    ];
    return random.pick(spellings);
  });
}

function respellHex(event: Envelope, random: Random): void {
  change(event, random.pick(HASHES), (hex) =>
    random.pick([
      hex.slice(2),
      `0x${hex.slice(2).toUpperCase()}`,
      `0X${hex.slice(2)}`,
      `${hex} `,
      hex.slice(0, -1),
      `${hex}00`,
      hex.replace(/.$/, "é"),
    ]),
  );
}

function flipHex(hex: string, random: Random): string {
  const at = 2 + random.below(Math.max(1, hex.length - 2));
  return `${hex.slice(0, at)}${random.below(16).toString(16)}${hex.slice(at + 1)}`;
}

function editText(text: string, random: Random): string {
  const at = random.below(text.length + 1);
  const inserted = random.pick(["", "x", " ", "\0", "\u{1f4a3}", "\ud83d", "-", "0"]);
  return text.slice(0, at) + inserted + text.slice(at + random.below(2));
}

function splice(event: Envelope, other: Envelope, name: string): void {
  if (name in other) event[name] = other[name];
}

/** Also for names that an assignment would treat specially. */
function define(target: object, name: string, value: unknown): void {
  Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true });
}

function editPayload(payload: unknown, random: Random): unknown {
  if (typeof payload !== "object" || payload === null || random.chance(0.2)) return random.pick(ODD_VALUES);
  const copy = random.chance(0.3) ? shuffled(payload as Envelope, random) : { ...payload };
  if (random.chance(0.3)) return copy;
  const name = random.pick([...Object.keys(copy), ...NEW_NAMES]);
  if (random.chance(0.3)) delete (copy as Envelope)[name];
  else define(copy, name, random.pick([...ODD_VALUES, ...ODD_TEXTS, ...ODD_NUMBERS]));
  return copy;
}

function nested(levels: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < levels; level++) value = level % 2 === 0 ? [value] : { a: value };
  return value;
}

function editEncrypted(event: Envelope, random: Random): void {
  const { payload_encrypted: encrypted } = event;
  if (typeof encrypted !== "object" || encrypted === null) return;
  const copy = structuredClone(encrypted) as Envelope;
  const { hpke } = copy;
  const recipients: unknown[] = Array.isArray(copy.recipients) ? copy.recipients : [];
  const inner = random.pick([copy, copy, hpke, recipients[0], recipients.at(-1)]) as Envelope | null | undefined;
  if (random.chance(0.2)) {
    random.pick([() => recipients.reverse(), () => recipients.push(...recipients), () => recipients.pop()])();
  } else if (typeof inner === "object" && inner !== null) {
    const name = random.pick([...Object.keys(inner), "x"]);
    const value = inner[name];
    if (random.chance(0.1)) delete inner[name];
    else if (typeof value === "string" && random.chance(0.7))
      inner[name] = random.pick([`${value}=`, `${value}A`, value.slice(1), editText(value, random)]);
    else inner[name] = random.pick([...ODD_VALUES, ...ODD_NUMBERS]);
  }
  event.payload_encrypted = copy;
}

function shuffled(value: Envelope, random: Random): Envelope {
  const members = Object.entries(value);
  for (let i = members.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [members[i], members[j]] = [members[j]!, members[i]!];
  }
  const copy: Envelope = {};
  for (const [name, member] of members) define(copy, name, member);
  return copy;
}
