/** `stateset-sequencer verify-commitment`: check a stream's chain of commitments, and with its entries every Merkle root. */
import { bytesEqual, toHex } from "../base/bytes.js";
import { listAt, objectOf } from "../client/answers.js";
import { GENESIS_STATE_ROOT, type StateCommitment } from "../protocol/commitment.js";
import { HASH_BYTES } from "../protocol/hash.js";
import { merkleLeafRecord } from "../protocol/merkle.js";
import { MerkleFrontier } from "../protocol/merkle-frontier.js";
import { CommandArgs } from "./command-args.js";
import { Checklist, unless } from "./offline/checklist.js";
import { DOCUMENT_FLAGS, DOCUMENT_USAGE, Documents } from "./offline/documents.js";
import {
  checkEachCommitment,
  nameOf,
  type OfflineCommitment,
  readOfflineCommitments,
} from "./offline/offline-commitment.js";
import { type OfflineEntry, payloadFault, readOfflineEntry, signedFacts } from "./offline/offline-entry.js";

const USAGE = `Usage: stateset-sequencer verify-commitment COMMITMENT... [options]

COMMITMENT is a file or http(s) URL: one commitment or a page of GET /api/v1/ves/commitments (status=all lists every one).
All are of one stream, in any order. Recomputes each state root, and that every commitment follows the one before it.

  --entries FILE     The stream's events, a file or URL: recomputes every Merkle root from them. Once per page
  --state-root HEX   The newest state root as known from elsewhere, for example the chain: all others hang on it
${DOCUMENT_USAGE}`;

/** Resolves to the exit code. Throws UsageError for bad usage and unreadable input. */
export async function verifyCommitmentCommand(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<number> {
  const args = new CommandArgs("verify-commitment", argv, {
    entries: { type: "string", multiple: true },
    "state-root": { type: "string" },
    ...DOCUMENT_FLAGS,
  });
  if (args.has("help")) {
    console.log(USAGE);
    return 0;
  }
  const stateRoot = args.bytes("state-root", HASH_BYTES);
  const documents = new Documents(args, env);
  const commitments: OfflineCommitment[] = [];
  for (const place of args.positionals) commitments.push(...(await documents.read(place, readOfflineCommitments)));
  commitments.sort((a, b) => a.sequenceStart - b.sequenceStart);
  const [first, last] = [commitments[0], commitments.at(-1)];
  if (first === undefined || last === undefined) throw args.refuse("COMMITMENT is missing");
  const entries: OfflineEntry[] = [];
  for (const place of args.texts("entries")) entries.push(...(await documents.read(place, readEntries)));
  const list = new Checklist();
  if (checkEachCommitment(list, commitments)) {
    const chain = commitments.map(({ facts }) => facts!);
    checkChain(list, commitments, chain);
    const root = chain.at(-1)!.newStateRoot;
    if (stateRoot !== null) {
      list.add("newest state root", unless(bytesEqual(root, stateRoot), `it is ${toHex(root)}`));
    } else list.note(`the newest state root is ${toHex(root)}: compare it with one you trust, see --state-root`);
    if (args.texts("entries").length > 0) checkEntries(list, commitments, entries);
    else list.note("Merkle roots not recomputed: no --entries");
  }
  list.note("no root covers batch_id, committed_at and where it is on chain");
  const count = commitments.length === 1 ? "1 commitment" : `${commitments.length} commitments`;
  return list.conclude(`${count} from ${first.sequenceStart} to ${last.sequenceEnd}`, args.has("json"));
}

/** A page of events or of the log, or a plain list. */
function readEntries(value: unknown): OfflineEntry[] {
  if (Array.isArray(value)) return value.map(readOfflineEntry);
  const json = objectOf(value);
  return listAt(json, json.events === undefined ? "entries" : "events").map(readOfflineEntry);
}

function checkChain(
  list: Checklist,
  commitments: readonly OfflineCommitment[],
  chain: readonly StateCommitment[],
): void {
  const { tenantId, storeId, sequenceStart } = chain[0]!;
  const before = new Map(commitments.map((commitment, index) => [commitment, chain[index - 1]]));
  list.addEach("one stream", commitments, nameOf, ({ facts }) =>
    unless(facts!.tenantId === tenantId && facts!.storeId === storeId, "it is of another stream"),
  );
  list.addEach("contiguous ranges", commitments.slice(1), nameOf, (commitment) => {
    const { sequenceEnd } = before.get(commitment)!;
    return unless(commitment.sequenceStart === sequenceEnd + 1, `the one before it ends at ${sequenceEnd}`);
  });
  const linked = sequenceStart === 1 ? commitments : commitments.slice(1);
  list.addEach("state root chain", linked, nameOf, (commitment) => {
    const previous = before.get(commitment)?.newStateRoot ?? GENESIS_STATE_ROOT;
    return unless(bytesEqual(commitment.facts!.prevStateRoot, previous), "prev_state_root is not the one before it");
  });
  if (sequenceStart > 1) list.note(`nothing before ${sequenceStart} is checked: give the commitments from 1 on`);
}

function checkEntries(
  list: Checklist,
  commitments: readonly OfflineCommitment[],
  entries: readonly OfflineEntry[],
): void {
  const { tenantId, storeId } = commitments[0]!.facts!;
  const own = entries.filter(({ event }) => event.tenant_id === tenantId && event.store_id === storeId);
  const records = new Map<number, Uint8Array>();
  list.addEach("entries' payload hashes", own, entryName, (entry) => {
    const signed = signedFacts(entry.event);
    if (typeof signed === "string") return signed;
    const number = numberOf(entry);
    const record = merkleLeafRecord(signed.signingHash, signed.agentSignature);
    const known = records.get(number);
    if (known !== undefined && !bytesEqual(known, record)) return "it is given twice, and they differ";
    records.set(number, record);
    return payloadFault(entry.event, signed);
  });
  list.addEach("Merkle root", commitments, nameOf, ({ facts }) => merkleFault(facts!, records));
}

function merkleFault(commitment: StateCommitment, records: ReadonlyMap<number, Uint8Array>): string | null {
  const { sequenceStart, sequenceEnd, merkleRoot } = commitment;
  const frontier = new MerkleFrontier(commitment, sequenceStart);
  for (let number = sequenceStart; number <= sequenceEnd; number++) {
    const record = records.get(number);
    if (record === undefined) return `no sound entry ${number} is given`;
    frontier.add(record);
  }
  const root = frontier.root();
  return unless(bytesEqual(root, merkleRoot), `its entries give ${toHex(root)}`);
}

function numberOf({ place, receipt }: OfflineEntry): number {
  return place?.sequenceNumber ?? receipt.sequenceNumber;
}

function entryName(entry: OfflineEntry): string {
  return `entry ${numberOf(entry)}`;
}
