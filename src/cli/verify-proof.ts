/** `stateset-sequencer verify-proof`: check that an entry is in a commitment, trusting a root and nothing else. */
import { bytesEqual, toHex } from "../base/bytes.js";
import { integerAt, listAt, objectOf, textAt } from "../client/answers.js";
import { PUBLIC_KEY_BYTES } from "../protocol/ed25519.js";
import { merkleLeaf } from "../protocol/merkle.js";
import {
  type MerklePath,
  pathDirections,
  readMerkleProof,
  verifyMerkleInclusion,
  verifyMerklePath,
} from "../protocol/merkle-proof.js";
import { selectEd25519 } from "../verify/ed25519-native.js";
import { CommandArgs } from "./command-args.js";
import { Checklist, unless } from "./offline/checklist.js";
import { DOCUMENT_FLAGS, DOCUMENT_USAGE, Documents } from "./offline/documents.js";
import { checkEachCommitment, type OfflineCommitment, readOfflineCommitment } from "./offline/offline-commitment.js";
import { checkEntry, type OfflineEntry, readOfflineEntry, type SignedFacts } from "./offline/offline-entry.js";

const USAGE = `Usage: stateset-sequencer verify-proof PROOF --entry ENTRY [--commitment COMMITMENT] [options]

PROOF, ENTRY and COMMITMENT are files or http(s) URLs: an inclusion proof by sequence number or by event id, an entry or
{event, receipt}, a commitment. Recomputes the entry's leaf and the path from it to the Merkle root. Receipts are checked by
verify-receipt, chains of commitments by verify-commitment.

  --entry ENTRY            The entry the proof is about
  --commitment COMMITMENT  Checks that the root is this commitment's, its state root too [the one inside PROOF, if any]
  --agent-key HEX          The agent's Ed25519 key: checks its signature too
${DOCUMENT_USAGE}`;

interface OfflineProof {
  readonly sequenceNumber: number;
  readonly batchId: string;
  readonly eventId: string | null;
  readonly directions: readonly unknown[] | null;
  /** Null when a hash is malformed or the path too long. */
  readonly path: MerklePath | null;
  readonly commitment: OfflineCommitment | null;
}

/** Resolves to the exit code. Throws UsageError for bad usage and unreadable input. */
export async function verifyProofCommand(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<number> {
  const text = { type: "string" } as const;
  const flags = { entry: text, commitment: text, "agent-key": text, ...DOCUMENT_FLAGS };
  const args = new CommandArgs("verify-proof", argv, flags);
  if (args.has("help")) {
    console.log(USAGE);
    return 0;
  }
  const [proofPlace] = args.expect("PROOF");
  const entryPlace = args.text("entry");
  if (entryPlace === undefined) throw args.refuse("--entry is missing");
  const agentKey = args.bytes("agent-key", PUBLIC_KEY_BYTES);
  const documents = new Documents(args, env);
  const proof = await documents.read(proofPlace!, readProof);
  const entry = await documents.read(entryPlace, readOfflineEntry);
  const place = args.text("commitment");
  const commitment = place === undefined ? proof.commitment : await documents.read(place, readOfflineCommitment);
  const list = new Checklist();
  const signed = checkEntry(list, entry, agentKey, selectEd25519());
  if (signed !== null) checkProof(list, proof, entry, signed, commitment);
  return list.conclude(`proof of event ${entry.event.event_id} at ${proof.sequenceNumber}`, args.has("json"));
}

function readProof(value: unknown): OfflineProof {
  const json = objectOf(value);
  for (const name of ["leaf_hash", "merkle_root"]) textAt(json, name);
  integerAt(json, "leaf_index");
  for (const item of listAt(json, "proof_path")) textAt({ proof_path: item }, "proof_path");
  return {
    sequenceNumber: integerAt(json, "sequence_number"),
    batchId: textAt(json, "batch_id"),
    eventId: json.event_id === undefined ? null : textAt(json, "event_id"),
    directions: json.directions === undefined ? null : listAt(json, "directions"),
    path: readMerkleProof(json),
    commitment: json.commitment === undefined ? null : readOfflineCommitment(json.commitment),
  };
}

function checkProof(
  list: Checklist,
  proof: OfflineProof,
  { event, receipt, place }: OfflineEntry,
  { fields, signingHash, agentSignature }: SignedFacts,
  commitment: OfflineCommitment | null,
): void {
  const { path, eventId } = proof;
  const sequenceNumber = place?.sequenceNumber ?? receipt.sequenceNumber;
  if (eventId !== null) list.add("proof is for this event", unless(eventId === event.event_id, `it is for ${eventId}`));
  const isNumber = proof.sequenceNumber === sequenceNumber && sequenceNumber >= 1;
  if (!list.add("sequence number", unless(isNumber, `the proof says ${proof.sequenceNumber}`))) return;
  if (path === null) {
    list.add("proof form", "a hash is malformed, or the path too long");
    return;
  }
  const { tenantId, storeId } = fields;
  const leafHash = merkleLeaf({ tenantId, storeId, sequenceNumber, eventSigningHash: signingHash, agentSignature });
  list.add("leaf hash", unless(bytesEqual(leafHash, path.leafHash), `the entry gives ${toHex(leafHash)}`));
  list.add(
    "path to the Merkle root",
    unless(verifyMerklePath({ ...path, leafHash }), "it does not end at merkle_root"),
  );
  if (proof.directions !== null) {
    const expected = pathDirections(path.leafIndex, path.path.length);
    const isSame = JSON.stringify(expected) === JSON.stringify(proof.directions);
    list.add("directions", unless(isSame, "they do not follow from leaf_index"));
  }
  if (commitment !== null) checkCommitment(list, proof, { ...path, leafHash }, fields, commitment);
  else list.note("the tree's size is not checked: no --commitment");
  list.note(`the Merkle root is ${toHex(path.merkleRoot)}: it must be one you trust`);
}

function checkCommitment(
  list: Checklist,
  { batchId, sequenceNumber }: OfflineProof,
  path: MerklePath,
  { tenantId, storeId }: SignedFacts["fields"],
  commitment: OfflineCommitment,
): void {
  if (!checkEachCommitment(list, [commitment])) return;
  const facts = commitment.facts!;
  const isBatch = batchId === commitment.batchId;
  list.add("proof is for this commitment", unless(isBatch, `the proof names ${batchId}`));
  const isStream = facts.tenantId === tenantId && facts.storeId === storeId;
  list.add("commitment's stream", unless(isStream, "the commitment is of another stream"));
  const isRoot = bytesEqual(facts.merkleRoot, path.merkleRoot);
  list.add("commitment's Merkle root", unless(isRoot, `the commitment's is ${toHex(facts.merkleRoot)}`));
  const leafCount = facts.sequenceEnd - facts.sequenceStart + 1;
  const isPlace =
    path.leafIndex === sequenceNumber - facts.sequenceStart && verifyMerkleInclusion({ ...path, leafCount });
  list.add("place in the commitment", unless(isPlace, "leaf_index or the path's length does not fit its range"));
}
