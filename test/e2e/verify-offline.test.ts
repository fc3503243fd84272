/** verify-receipt, verify-proof and verify-commitment on what a real service handed out, and on every change to it. */
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { auditLog } from "../../src/audit/audit-log.js";
import { toHex } from "../../src/base/bytes.js";
import { UsageError } from "../../src/cli/usage-error.js";
import { verifyCommitmentCommand } from "../../src/cli/verify-commitment.js";
import { verifyProofCommand } from "../../src/cli/verify-proof.js";
import { verifyReceiptCommand } from "../../src/cli/verify-receipt.js";
import { streamQuery } from "../support/commitment-check.js";
import { runMain } from "../support/run-main.js";
import { ed25519, startService, type TestAgent, type TestService, uuid } from "../support/service.js";

// biome-ignore lint/suspicious/noExplicitAny: documents are changed member by member
type Json = any;

const COMMANDS = {
  "verify-receipt": verifyReceiptCommand,
  "verify-proof": verifyProofCommand,
  "verify-commitment": verifyCommitmentCommand,
};

const base = mkdtempSync(join(tmpdir(), "sequencer-offline-"));
let service: TestService;
let agent: TestAgent;
let publicKey: string;
let agentKey: string;
/** What the service answered, by file name. */
const documents: Record<string, Json> = {};

beforeAll(async () => {
  service = await startService({ VES_COMMIT_EVENTS_THRESHOLD: "0", VES_COMMIT_AGE_SECS: "0" });
  agent = await service.agent();
  await agent.ingest(Array.from({ length: 12 }, () => agent.sign()));
  const range = { tenant_id: agent.tenantId, store_id: agent.storeId };
  for (const [start, end] of [
    [1, 7],
    [8, 8],
    [9, 12],
  ]) {
    await service.post("/api/v1/ves/commitments", { ...range, sequence_start: start, sequence_end: end });
  }
  const query = streamQuery(agent);
  documents.events = (await service.get(`/api/v1/ves/events?${query}`)).json;
  documents.entry = documents.events.events[4];
  documents.page = (await service.get(`/api/v1/ves/commitments?${query}&status=all`)).json;
  documents.commitment = documents.page.commitments[0];
  documents.proof = (await service.get(`/api/v1/ves/proofs/5?${query}`)).json;
  const eventId = documents.entry.event.event_id;
  documents.byEvent = (await service.get(`/api/v1/ves/inclusion-proofs/${eventId}`)).json;
  documents.sequencer = (await service.get("/api/v1/sequencer")).json;
  publicKey = documents.sequencer.public_key;
  agentKey = toHex(ed25519.publicKey(agent.seed));
  for (const [name, document] of Object.entries(documents)) save(name, document);
});
afterAll(async () => {
  await service[Symbol.asyncDispose]();
  rmSync(base, { recursive: true, force: true });
});

function save(name: string, document: unknown): string {
  const path = join(base, `${name}.json`);
  writeFileSync(path, typeof document === "string" ? document : JSON.stringify(document));
  return path;
}

const file = (name: string): string => join(base, `${name}.json`);

/** Runs a command in this process: its exit code, 2 for a UsageError, and what it printed. */
async function run(command: keyof typeof COMMANDS, args: readonly string[], env: Record<string, string> = {}) {
  const lines: string[] = [];
  const keep = (line: string): void => void lines.push(line);
  const spies = [
    vi.spyOn(console, "log").mockImplementation(keep),
    vi.spyOn(console, "error").mockImplementation(keep),
  ];
  try {
    return { code: await COMMANDS[command](args, env), output: lines.join("\n") };
  } catch (error) {
    if (error instanceof UsageError) return { code: 2, output: error.message };
    throw error;
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

/** Every string and number below `value`, by path, that is not under one of the excepted names. */
function* leavesOf(value: Json, except: readonly string[], path: readonly string[] = []): Generator<readonly string[]> {
  if (value === null || typeof value !== "object") {
    if (value !== null && !except.includes(path.at(-1)!)) yield path;
    return;
  }
  for (const name of Object.keys(value)) yield* leavesOf(value[name], except, [...path, name]);
}

function changed(document: Json, path: readonly string[]): Json {
  const copy = structuredClone(document);
  const parent = path.slice(0, -1).reduce((value, name) => value[name], copy);
  const name = path.at(-1)!;
  const value = parent[name];
  if (typeof value === "number") parent[name] = value + 1;
  else if (typeof value === "boolean") parent[name] = !value;
  else parent[name] = value.slice(0, -1) + (value.endsWith("1") ? "2" : "1");
  return copy;
}

async function expectEveryChangeFound(
  command: keyof typeof COMMANDS,
  document: Json,
  args: (path: string) => string[],
  except: readonly string[],
): Promise<void> {
  expect((await run(command, args(save("same", document)))).code).toBe(0);
  for (const path of leavesOf(document, except)) {
    const { code, output } = await run(command, args(save("changed", changed(document, path))));
    expect([path.join("."), code]).toEqual([path.join("."), 6]);
    expect(output).toMatch(/^FAIL {2}[\s\S]*^NOT SOUND: /m);
  }
}

const UNCOVERED = ["offset", "sequenced_at", "sequencedAt", "sequencerKeyVersion", "command_id", "base_version"];
const CHAIN = ["batch_id", "committed_at", "is_anchored", "count"];

describe("verify-receipt", () => {
  it("accepts what the service gave and finds every change to it", async () => {
    const { event, receipt } = documents.entry;
    const args = (path: string) => [path, "--public-key", publicKey, "--agent-key", agentKey];
    expect((await run("verify-receipt", args(save("pair", { event, receipt })))).code).toBe(0);
    const pinned = (path: string) => [path, "--sequencer", file("sequencer"), "--agent-key", agentKey];
    // Another kind is no entry this build knows, and exit 2.
    await expectEveryChangeFound("verify-receipt", documents.entry, pinned, [...UNCOVERED, "kind"]);
  });

  it("refuses another sequencer's and another agent's key, and says when the key is not pinned", async () => {
    const other = toHex(ed25519.publicKey(new Uint8Array(32)));
    expect((await run("verify-receipt", [file("entry"), "--public-key", other])).code).toBe(6);
    const wrongAgent = [file("entry"), "--public-key", publicKey, "--agent-key", other];
    expect((await run("verify-receipt", wrongAgent)).code).toBe(6);
    const { code, output } = await run("verify-receipt", [file("entry"), "--sequencer", file("sequencer")]);
    expect(code).toBe(0);
    expect(output).toContain(`pin with --public-key ${publicKey}`);
  });

  it("reads URLs with the key in a header, and prints JSON", async () => {
    const url = `${service.url}/api/v1/ves/events/${documents.entry.event.event_id}`;
    const args = [url, "--sequencer", `${service.url}/api/v1/sequencer`, "--json"];
    const { code, stdout } = await runMain(["verify-receipt", ...args], { SEQUENCER_API_KEY: service.adminKey });
    expect([code, JSON.parse(stdout).sound]).toEqual([0, true]);
    const refused = await run("verify-receipt", args);
    expect([refused.code, refused.output]).toEqual([2, `verify-receipt: ${url}: was answered with 401`]);
    expect((await run("verify-receipt", [...args, "--api-key", service.adminKey])).code).toBe(0);
  });

  it("follows no redirect, and says that there was one", async () => {
    const elsewhere = createServer((_, answer) => answer.writeHead(302, { location: `${service.url}/health` }).end());
    await new Promise<void>((resolve) => elsewhere.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}/entry`;
    const { code, output } = await run("verify-receipt", [url, "--public-key", publicKey, "--api-key", "ss_secret"]);
    elsewhere.close();
    expect([code, output]).toEqual([2, `verify-receipt: ${url}: was answered with 302`]);
  });
});

describe("verify-proof", () => {
  it("accepts both kinds of proof and finds every change to them", async () => {
    const alone = (path: string) => [path, "--entry", file("entry")];
    expect((await run("verify-proof", alone(file("byEvent")))).code).toBe(0);
    await expectEveryChangeFound("verify-proof", documents.byEvent, alone, ["committed_at"]);
    const full = (path: string) => [...alone(path), "--commitment", file("commitment")];
    await expectEveryChangeFound("verify-proof", documents.proof, full, []);
    await expectEveryChangeFound("verify-proof", documents.proof, alone, ["batch_id"]);
  });

  it("refuses another entry, a changed entry and another commitment", async () => {
    const other = save("other", documents.events.events[5]);
    expect((await run("verify-proof", [file("proof"), "--entry", other])).code).toBe(6);
    const next = save("next", documents.page.commitments[1]);
    expect((await run("verify-proof", [file("proof"), "--entry", file("entry"), "--commitment", next])).code).toBe(6);
    const args = (path: string) => [file("proof"), "--entry", path, "--agent-key", agentKey];
    const uncovered = [...UNCOVERED, "kind", "sequencerId", "receiptHash", "signatureAlg", "sequencerSignature"];
    const event = { ...documents.entry, receipt: { ...documents.entry.receipt, receiptSignatureScheme: undefined } };
    await expectEveryChangeFound("verify-proof", JSON.parse(JSON.stringify(event)), args, uncovered);
  });
});

describe("verify-commitment", () => {
  it("accepts a page with its entries and finds every change to either", async () => {
    const args = (path: string) => [path, "--entries", file("events")];
    await expectEveryChangeFound("verify-commitment", documents.page, args, CHAIN);
    const entries = (path: string) => [file("page"), "--entries", path];
    const { event } = documents.entry;
    const fields = Object.keys(event).filter((name) => typeof event[name] !== "object");
    for (const name of fields) {
      const events = structuredClone(documents.events);
      events.events[4].event = changed(event, [name]);
      expect([name, (await run("verify-commitment", entries(save("changed", events)))).code]).toEqual([name, 6]);
    }
    const lost = { events: documents.events.events.slice(1) };
    expect((await run("verify-commitment", entries(save("changed", lost)))).output).toContain("no sound entry 1 is");
  });

  it("takes single commitments in any order and hangs them on a known state root", async () => {
    const files = [2, 0, 1].map((at) => save(`part-${at}`, documents.page.commitments[at]));
    const root = documents.page.commitments[2].new_state_root;
    expect((await run("verify-commitment", [...files, "--state-root", root])).code).toBe(0);
    expect((await run("verify-commitment", [...files, "--state-root", publicKey])).code).toBe(6);
    expect((await run("verify-commitment", files.slice(0, 2))).code).toBe(6);
    expect((await run("verify-commitment", [files[0]!])).output).toContain("nothing before 9 is checked");
    const foreign = save("foreign", { ...documents.page.commitments[1], store_id: uuid() });
    expect((await run("verify-commitment", [files[1]!, foreign, files[0]!])).code).toBe(6);
  });
});

describe("verify-log", () => {
  /** What is done to the stored rows behind the triggers' back, and what it must say. */
  const TAMPERING: [sql: string, message: RegExp][] = [
    ["UPDATE ves_commitments SET merkle_root = randomblob(32) WHERE ref = 2", /of 8 to 8: its Merkle root/],
    ["UPDATE ves_commitments SET new_state_root = randomblob(32) WHERE ref = 1", /of 1 to 7: its state root/],
    ["UPDATE ves_commitments SET new_state_root = zeroblob(32) WHERE ref = 1", /of 1 to 7: it has no state root/],
    ["UPDATE ves_commitments SET prev_state_root = randomblob(32) WHERE ref = 3", /of 9 to 12: its previous state/],
    ["UPDATE ves_commitments SET sequence_end = 11 WHERE ref = 3", /of 9 to 11: its Merkle root/],
    ["UPDATE ves_commitments SET sequence_end = 99 WHERE ref = 3", /of 9 to 99: its Merkle root/],
    ["DELETE FROM ves_commitments WHERE ref = 2", /of 9 to 12: it does not start behind/],
    ["DELETE FROM ves_commitments WHERE ref = 3", /says it is committed to 12, its commitments end at 8/],
  ];

  it("recomputes every stored commitment and names the first bad one", async () => {
    const path = join(base, "copy.db");
    const copied = await runMain(["backup", path, "--data-dir", service.folder]);
    expect([copied.code, copied.stderr]).toEqual([0, ""]);
    const options = { path, withSignatures: true, threads: 1, headMin: 0, onProgress: () => {} };
    expect((await auditLog(options)).findings).toEqual([]);
    for (const [sql, message] of TAMPERING) {
      const tampered = join(base, "tampered.db");
      cpSync(path, tampered);
      tamper(tampered, sql);
      const [first] = (await auditLog({ ...options, path: tampered })).findings;
      expect(first?.message).toMatch(message);
    }
  });
});

function tamper(path: string, sql: string): void {
  const db = new Database(path);
  const triggers = db.prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").all() as Json[];
  for (const { name } of triggers) db.exec(`DROP TRIGGER ${name}`);
  db.exec(sql);
  for (const trigger of triggers) db.exec(trigger.sql);
  db.close();
}

describe("the offline commands", () => {
  it("answer anything else with exit 2 and one line", async () => {
    const key = ["--public-key", publicKey];
    const wrong = ["", "nonsense", "null", "[]", "3", '"x"', "{}", '{"event":{},"receipt":{}}', "[".repeat(100_000)];
    const odd = [...wrong, '{"commitments":3}', '{"commitments":[]}', '{"commitments":[null]}'].map((text, at) =>
      save(`odd-${at}`, text),
    );
    for (const path of [...odd, file("nowhere"), base, "http://127.0.0.1:1/", "http://user:secret@127.0.0.1:1/"]) {
      const answers = [
        await run("verify-receipt", [path, ...key]),
        await run("verify-proof", [path, "--entry", file("entry")]),
        await run("verify-commitment", [path]),
      ];
      for (const { code, output } of answers) expect([code, output.includes("\n"), path]).toEqual([2, false, path]);
    }
  });

  it("refuse an integer that is the signed one here only, because it is rounded", async () => {
    const payload = { wei: 9007199254740992, more: -12345678901234567000, most: 2e21, rest: [0.1, 2 ** 53 - 1, -0] };
    const event = agent.sign({ payload });
    await agent.ingest([event]);
    const { text } = await service.get(`/api/v1/ves/events/${event.event_id}`);
    const key = ["--public-key", publicKey];
    expect((await run("verify-receipt", [save("large", text), ...key])).code).toBe(0);
    const changes = [
      ["9007199254740992", "9007199254740993"],
      ["-12345678901234567000", "-12345678901234567001"],
      ["-12345678901234567000", "-12345678901234567168"],
      ["2e+21", "2000000000000000000001"],
    ] as const;
    for (const [written, other] of changes) {
      expect(text).toContain(written);
      const { code, output } = await run("verify-receipt", [save("rounded", text.replace(written, other)), ...key]);
      expect([other, code, output]).toEqual([other, 2, expect.stringMatching(/number that not every reader rounds$/)]);
    }
    const spelled = text.replace("2e+21", "2000000000000000000000").replace("9007199254740992", "9007199254740992.0");
    expect((await run("verify-receipt", [save("spelled", spelled), ...key])).code).toBe(0);
  });

  it("refuse documents that another program may read otherwise", async () => {
    const entry = JSON.stringify(documents.entry);
    const proof = JSON.stringify(documents.proof);
    const ambiguous: [keyof typeof COMMANDS, string, RegExp][] = [
      ["verify-receipt", entry.replace("{", '{"event":{},'), /has two members "event"$/],
      [
        "verify-receipt",
        entry.replace('"payload":{', '"payload":{"\\u0061mount":1,"amount":2,'),
        /has two members "amount"$/,
      ],
      ["verify-receipt", entry.replace('"payload":{', '"payload":{"x":"\\ud800",'), /has a lone surrogate$/],
      ["verify-receipt", `\ufeff${entry}`, /is not JSON$/],
      [
        "verify-receipt",
        entry.replace('"payload":{', '"payload":{"x":1e400,'),
        /has a number that not every reader rounds$/,
      ],
      ["verify-proof", proof.replace("{", '{"leaf_index":0,'), /has two members "leaf_index"$/],
      [
        "verify-commitment",
        JSON.stringify(documents.page).replace('{"batch_id"', '{"leaf_count":7,"batch_id"'),
        /two members/,
      ],
    ];
    for (const [command, text, problem] of ambiguous) {
      const path = save("ambiguous", text);
      const key = command === "verify-receipt" ? ["--public-key", publicKey] : [];
      const { code, output } = await run(
        command,
        command === "verify-proof" ? [path, "--entry", file("entry")] : [path, ...key],
      );
      expect([code, output]).toEqual([2, expect.stringMatching(problem)]);
    }
    const twins = save("twins", entry.replace("{", '{"x":[{"a":1},{"a":1},{"a":{"a":1}}],'));
    expect((await run("verify-receipt", [twins, "--public-key", publicKey])).code).toBe(0);
  });

  it("find a number in the event that is not its receipt's", async () => {
    const stating = async (sequence_number: unknown) => {
      const path = save("stating", { ...documents.entry, event: { ...documents.entry.event, sequence_number } });
      return (await run("verify-receipt", [path, "--public-key", publicKey])).code;
    };
    const { sequenceNumber } = documents.entry.receipt;
    expect([await stating(sequenceNumber), await stating(null)]).toEqual([0, 0]);
    expect([await stating(sequenceNumber + 1), await stating(String(sequenceNumber))]).toEqual([6, 6]);
  });

  it("name the kind of an entry that they do not check", async () => {
    const path = save("legacy", { ...documents.entry, kind: "event", event: {} });
    const { code, output } = await run("verify-receipt", [path, "--public-key", publicKey]);
    expect([code, output]).toEqual([2, expect.stringContaining('not an entry of kind "event"')]);
  });

  it("answer members of another type with exit 2 or 6 and never with a stack", async () => {
    const cases: [keyof typeof COMMANDS, string, (path: string) => string[]][] = [
      ["verify-receipt", "entry", (path) => [path, "--public-key", publicKey, "--agent-key", agentKey]],
      ["verify-proof", "byEvent", (path) => [path, "--entry", file("entry")]],
      ["verify-proof", "entry", (path) => [file("proof"), "--entry", path]],
      ["verify-commitment", "page", (path) => [path, "--entries", file("events")]],
    ];
    for (const [command, name, args] of cases) {
      for (const path of leavesOf(documents[name], [])) {
        for (const value of [null, {}, [], "", "\u001b[2J", -1, 1e300, true]) {
          const copy = structuredClone(documents[name]);
          path.slice(0, -1).reduce((parent, member) => parent[member], copy)[path.at(-1)!] = value;
          const { code, output } = await run(command, args(save("changed", copy)));
          expect([0, 2, 6]).toContain(code);
          expect(output).not.toContain("\u001b");
        }
      }
    }
  });

  it("end with their exit codes and without a stack as a program", async () => {
    const unsound = save("unsound", changed(documents.entry, ["receipt", "receiptHash"]));
    const codes = await Promise.all([
      runMain(["verify-receipt", unsound, "--public-key", publicKey]),
      runMain(["verify-receipt", save("bad", "{"), "--public-key", publicKey]),
      runMain(["verify-commitment"]),
      runMain(["verify-proof", "--help"]),
    ]);
    expect(codes.map(({ code }) => code)).toEqual([6, 2, 2, 0]);
    expect(codes[1]!.stderr).toMatch(/^stateset-sequencer verify-receipt: .+: is not JSON\n$/);
  });
});
