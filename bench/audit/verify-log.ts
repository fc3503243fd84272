/**
 * `node dist/bench/audit/verify-log.js`: what `stateset-sequencer verify-log` costs per entry, with signatures and without, next
 * to what its Ed25519 verifications alone cost, two an entry. CPU time of this thread, so that neighbours do not make it look slower;
 * the command's threads multiply it. Parse, SQLite, hashes and checksums are the command's own (`RangeChecker`).
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { RangeChecker } from "../../src/audit/check-range.js";
import { OrderCheck } from "../../src/audit/order-check.js";
import type { Ed25519, SignatureCheck } from "../../src/protocol/ed25519.js";
import { databasePath, openReaderOf } from "../../src/store/sqlite/connection.js";
import { tableEd25519 } from "../../src/verify/ed25519-tables.js";
import { buildFacts, machineFacts } from "../machine.js";
import { median } from "../statistics.js";
import { makeBenchLog } from "./bench-log.js";

const HELP = `Usage: node dist/bench/audit/verify-log.js [--entries N] [--slices N]
CPU µs per entry of one thread, medians of alternating slices over one log.`;

const OPTIONS = {
  entries: { type: "string", default: "40000" },
  slices: { type: "string", default: "5" },
  help: { type: "boolean", default: false },
} as const;

/** As the command cuts it. */
const RANGE_ENTRIES = 2048;

/** With signatures an entry costs four times as much: a shorter stretch of the log says the same. */
const SIGNED_SHARE = 0.2;

async function main(): Promise<void> {
  const { values } = parseArgs({ options: OPTIONS });
  if (values.help) {
    console.log(HELP);
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), "sequencer-verify-log-"));
  try {
    const entries = Number(values.entries);
    await makeBenchLog(folder, entries);
    report(measure(databasePath(folder), entries, Number(values.slices)), folder, entries);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Costs {
  readonly plainUs: number;
  readonly signedUs: number;
  /** Of the two verifications of an entry, inside `signedUs`. */
  readonly ed25519Us: number;
}

function measure(path: string, entries: number, slices: number): Costs {
  const signed = Math.ceil(entries * SIGNED_SHARE);
  const recorder = new RecordingEd25519();
  auditCostUs(path, Math.min(signed, RANGE_ENTRIES), recorder);
  const rounds = Array.from({ length: slices + 1 }, () => ({
    plainUs: auditCostUs(path, entries, null),
    signedUs: auditCostUs(path, signed, recorder.inner),
    ed25519Us: recorder.replayCostUs() * 2,
  }));
  // The first round warms up.
  const of = (cost: keyof Costs): number => median(rounds.slice(1).map((round) => round[cost]));
  return { plainUs: of("plainUs"), signedUs: of("signedUs"), ed25519Us: of("ed25519Us") };
}

/** CPU µs per entry of the log's first `entries`. */
function auditCostUs(path: string, entries: number, ed25519: Ed25519 | null): number {
  const db = openReaderOf(path);
  const before = process.cpuUsage();
  const checker = new RangeChecker(db, ed25519);
  const order = new OrderCheck();
  for (let from = 0; from < entries; from += RANGE_ENTRIES) {
    const finding = order.take(checker.check({ from, to: Math.min(from + RANGE_ENTRIES, entries) }));
    if (finding !== null) throw new Error(`offset ${finding.offset}: ${finding.message}`);
  }
  const { user, system } = process.cpuUsage(before);
  db.close();
  return (user + system) / entries;
}

/** The verifier in use; keeps what it was asked, to ask it again alone, as many at once as it was asked. */
class RecordingEd25519 implements Ed25519 {
  readonly inner = tableEd25519();
  readonly name = this.inner.name;
  readonly sign = this.inner.sign;
  readonly publicKey = this.inner.publicKey;
  readonly #asked: SignatureCheck[][] = [];
  #signatures = 0;

  verify(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean {
    return this.verifyAll([{ signature, message, publicKey }])[0]!;
  }

  verifyAll(checks: readonly SignatureCheck[]): boolean[] {
    this.#asked.push(checks.map(copied));
    this.#signatures += checks.length;
    return this.inner.verifyAll(checks);
  }

  /** CPU µs per verification. */
  replayCostUs(): number {
    const before = process.cpuUsage();
    for (const checks of this.#asked)
      if (this.inner.verifyAll(checks).includes(false)) throw new Error("a signature that verified does not");
    const { user, system } = process.cpuUsage(before);
    return (user + system) / this.#signatures;
  }
}

/** The audit's bytes are its own: they may change after the call. */
function copied({ signature, message, publicKey }: SignatureCheck): SignatureCheck {
  return { signature: new Uint8Array(signature), message: new Uint8Array(message), publicKey };
}

function report({ plainUs, signedUs, ed25519Us }: Costs, folder: string, entries: number): void {
  const machine = machineFacts(folder);
  const build = buildFacts();
  const rate = (us: number): string => `${Math.round(1_000_000 / us).toLocaleString("en")} entries/s per core`;
  console.log(
    `verify-log over ${entries} entries, ${machine.cpu}, Node ${machine.node}, ${build.commit}, ${build.ed25519}`,
  );
  console.log(`without signatures  ${plainUs.toFixed(1).padStart(6)} µs  ${rate(plainUs)}`);
  console.log(`with signatures     ${signedUs.toFixed(1).padStart(6)} µs  ${rate(signedUs)}`);
  console.log(
    `  two verifications ${ed25519Us.toFixed(1).padStart(6)} µs  ${rate(ed25519Us)}: no audit of both is faster`,
  );
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.stack : String(error));
  process.exit(1);
});
