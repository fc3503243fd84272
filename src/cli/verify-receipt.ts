/** `stateset-sequencer verify-receipt`: check an entry and its receipt with nothing but the sequencer's public keys. */
import { bytesEqual, fromHex, toHex } from "../base/bytes.js";
import { readIdentity } from "../client/answers.js";
import { type Ed25519, PUBLIC_KEY_BYTES } from "../protocol/ed25519.js";
import { receiptHash } from "../protocol/receipt.js";
import { selectEd25519 } from "../verify/ed25519-native.js";
import { CommandArgs } from "./command-args.js";
import { Checklist, unless } from "./offline/checklist.js";
import { DOCUMENT_FLAGS, DOCUMENT_USAGE, Documents } from "./offline/documents.js";
import { checkEntry, type OfflineEntry, readOfflineEntry, type SignedFacts } from "./offline/offline-entry.js";

const USAGE = `Usage: stateset-sequencer verify-receipt ENTRY (--public-key HEX | --sequencer FILE|URL) [options]

ENTRY is a file or http(s) URL: a VES event's entry as any read or subscription shows it, or {event, receipt}. Recomputes the
payload hash, the signing hash and the receipt hash, and checks the sequencer's signature.

  --public-key HEX   The sequencer's Ed25519 key, pinned
  --sequencer FILE   What GET /api/v1/sequencer answered (file or URL): then the keys it names are trusted, former ones too
  --agent-key HEX    The agent's Ed25519 key: checks its signature too
${DOCUMENT_USAGE}`;

interface Signer {
  readonly publicKey: Uint8Array;
  /** Null when only the key was given. */
  readonly sequencerId: string | null;
}

/** Resolves to the exit code. Throws UsageError for bad usage and unreadable input. */
export async function verifyReceiptCommand(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<number> {
  const text = { type: "string" } as const;
  const flags = { "public-key": text, sequencer: text, "agent-key": text, ...DOCUMENT_FLAGS };
  const args = new CommandArgs("verify-receipt", argv, flags);
  if (args.has("help")) {
    console.log(USAGE);
    return 0;
  }
  const [place] = args.expect("ENTRY");
  const agentKey = args.bytes("agent-key", PUBLIC_KEY_BYTES);
  const documents = new Documents(args, env);
  const signers = await readSigners(args, documents);
  const entry = await documents.read(place!, readOfflineEntry);
  const ed25519 = selectEd25519();
  const list = new Checklist();
  const signed = checkEntry(list, entry, agentKey, ed25519);
  if (signed !== null) checkReceipt(list, entry, signed, signers, ed25519);
  list.note(
    "no signature covers offset, sequencedAt, sequencerId, key version, command_id, base_version and unknown members",
  );
  const { eventId, sequenceNumber } = entry.receipt;
  return list.conclude(`receipt of event ${eventId}, sequence number ${sequenceNumber}`, args.has("json"));
}

async function readSigners(args: CommandArgs, documents: Documents): Promise<readonly Signer[]> {
  const publicKey = args.bytes("public-key", PUBLIC_KEY_BYTES);
  const place = args.text("sequencer");
  if ((publicKey === null) === (place === undefined)) {
    throw args.refuse("one of --public-key and --sequencer must be given");
  }
  if (publicKey !== null) return [{ publicKey, sequencerId: null }];
  const { former, ...current } = await documents.read(place!, readIdentity, true);
  const signers = [current, ...former];
  const keys = [...new Set(signers.map((signer) => toHex(signer.publicKey)))].join(" or ");
  console.error(`warning: keys are trusted as ${place} gives them; pin with --public-key ${keys}`);
  return signers;
}

function checkReceipt(
  list: Checklist,
  { event, receipt }: OfflineEntry,
  { fields, signingHash }: SignedFacts,
  signers: readonly Signer[],
  ed25519: Ed25519,
): void {
  const { tenantId, storeId } = fields;
  const { sequenceNumber, signatureAlg, receiptSignatureScheme: scheme = 1 } = receipt;
  if (!list.add("sequence number", unless(sequenceNumber >= 1, "numbers start at 1"))) return;
  const stream = { tenantId, storeId, eventSigningHash: signingHash };
  const hash = receiptHash({ ...stream, eventId: event.event_id, sequenceNumber });
  const claimed = fromHex(receipt.receiptHash, 32);
  const isHash = claimed !== null && bytesEqual(claimed, hash);
  list.add("receipt hash", unless(isHash, `recomputed over signing hash ${toHex(signingHash)} it is ${toHex(hash)}`));
  const isEd25519 = signatureAlg === "ed25519" && scheme === 1;
  list.add("signature algorithm", unless(isEd25519, "the receipt is not signed with Ed25519"));
  const signature = fromHex(receipt.sequencerSignature, 64);
  const byKey = signers.filter(({ publicKey }) => signature !== null && ed25519.verify(signature, hash, publicKey));
  const keys = signers.length === 1 ? "this key" : `one of these ${signers.length} keys`;
  list.add("sequencer signature", unless(byKey.length > 0, `it is not by ${keys} over the recomputed receipt hash`));
  // A key may have signed under several ids.
  const named = byKey.length > 0 ? byKey : signers;
  if (named.some(({ sequencerId }) => sequencerId === null)) return;
  const isSame = named.some(({ sequencerId }) => sequencerId === receipt.sequencerId);
  list.add("sequencer id", unless(isSame, `the receipt names ${receipt.sequencerId}`));
}
