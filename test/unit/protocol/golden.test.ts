import { describe, expect, test } from "vitest";
import { toHex } from "../../../src/base/bytes.js";
import type { Uuid } from "../../../src/base/ids.js";
import { signEvent, verifyEvent } from "../../../src/protocol/agent-event.js";
import { canonicalJson } from "../../../src/protocol/canonical-json.js";
import { nobleEd25519 } from "../../../src/protocol/ed25519.js";
import { eventSigningHash, type SigningFields } from "../../../src/protocol/event-signing.js";
import {
  type CipherParts,
  payloadAad,
  payloadCipherHash,
  payloadPlainHash,
  recipientsHash,
  ZERO_HASH,
} from "../../../src/protocol/payload-hash.js";
import {
  popChallenge,
  signProofOfPossession,
  verifyProofOfPossession,
} from "../../../src/protocol/proof-of-possession.js";
import { receiptHash } from "../../../src/protocol/receipt.js";
import { golden, hex } from "./support.js";

const TEST1_SEED = hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
const TEST2_SEED = hex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");

const G1_FIELDS = {
  tenantId: "00000000-0000-0000-0000-000000000001" as Uuid,
  storeId: "00000000-0000-0000-0000-000000000002" as Uuid,
  eventId: "11111111-1111-1111-1111-111111111111" as Uuid,
  sourceAgentId: "22222222-2222-2222-2222-222222222222" as Uuid,
  agentKeyId: 1,
  entityType: "InventoryItem",
  entityId: "WIDGET-001",
  eventType: "Adjusted",
  createdAt: "2025-01-01T00:00:00Z",
};
const G1_PAYLOAD = { reason: "test", delta: 100 };

describe("golden values of the original's own unit test (G0)", () => {
  const fields: SigningFields = {
    vesVersion: 1,
    tenantId: "64527dd3-a654-4410-9327-e58a1492ce77" as Uuid,
    storeId: "91def158-819a-4461-b5c9-7759750ad157" as Uuid,
    eventId: "861910c9-7a1d-4b6f-83d6-51bbf4ae2849" as Uuid,
    sourceAgentId: "80441726-74e2-430a-95ae-97ce21c6351b" as Uuid,
    agentKeyId: 1,
    entityType: "order",
    entityId: "ORD-001",
    eventType: "order.created",
    createdAt: "2025-12-20T17:51:10.243Z",
    payloadKind: 0,
    payloadPlainHash: hex("7777c3fef466a0e9df7e07ea4ff13dc8ffbb9e487098f1b65530cdce7b6bbbe7"),
    payloadCipherHash: ZERO_HASH,
  };

  test("event signing hash and receipt hash", () => {
    const signingHash = eventSigningHash(fields);
    expect(toHex(signingHash)).toBe(golden["hash.rs unit test event_signing_hash"]);
    const receipt = { ...fields, eventSigningHash: signingHash };
    const expected = golden["receipt_hash (same event, seq 42)"];
    expect(toHex(receiptHash({ ...receipt, sequenceNumber: 42 }))).toBe(expected);
    expect(toHex(receiptHash({ ...receipt, sequenceNumber: 42n }))).toBe(expected);
  });
});

describe("golden values of a plaintext event (G1)", () => {
  const envelope = signEvent({ ...G1_FIELDS, payload: G1_PAYLOAD }, TEST1_SEED, nobleEd25519);
  const publicKey = nobleEd25519.publicKey(TEST1_SEED);

  test("payload hash, signing hash, agent signature", () => {
    expect(envelope.payload_plain_hash).toBe(`0x${golden["G1 payload_plain_hash"]}`);
    expect(envelope.payload_cipher_hash).toBe(`0x${"00".repeat(32)}`);
    expect(envelope.agent_signature).toBe(`0x${golden["G1 agent_signature"]}`);
    expect(toHex(signingHash())).toBe(golden["G1 event_signing_hash"]);
    expect(verifyEvent(envelope, publicKey, nobleEd25519)).toBe(true);
  });

  test("receipt hash and the sequencer's signature over it", () => {
    const hash = receiptHash({ ...G1_FIELDS, sequenceNumber: 1, eventSigningHash: signingHash() });
    expect(toHex(hash)).toBe(golden["G1 receipt_hash seq 1"]);
    expect(toHex(nobleEd25519.sign(hash, TEST2_SEED))).toBe(golden["G1 sequencer_signature by RFC 8032 key 2"]);
  });

  test("proof of possession", () => {
    expect(toHex(popChallenge(publicKey))).toBe(golden["G1 PoP challenge"]);
    const proof = signProofOfPossession(publicKey, TEST1_SEED, nobleEd25519);
    expect(toHex(proof)).toBe(golden["G1 PoP signature"]);
    const other = nobleEd25519.publicKey(TEST2_SEED);
    expect(verifyProofOfPossession(publicKey, proof, publicKey, nobleEd25519)).toBe(true);
    expect(verifyProofOfPossession(publicKey, proof, other, nobleEd25519)).toBe(false);
    expect(verifyProofOfPossession(other, proof, publicKey, nobleEd25519)).toBe(false);
  });

  function signingHash(): Uint8Array {
    return eventSigningHash({
      ...G1_FIELDS,
      vesVersion: 1,
      payloadKind: 0,
      payloadPlainHash: payloadPlainHash(canonicalJson(G1_PAYLOAD)),
      payloadCipherHash: ZERO_HASH,
    });
  }
});

describe("golden values of an encrypted event (G2)", () => {
  const plainHash = new Uint8Array(32).fill(9);
  const parts: CipherParts = {
    nonce: new Uint8Array(12).fill(1),
    ciphertext: new Uint8Array(24).fill(2),
    tag: new Uint8Array(16).fill(3),
    recipients: [
      { kid: 1, enc: new Uint8Array(32).fill(4), ct: new Uint8Array(48).fill(6) },
      { kid: 2, enc: new Uint8Array(32).fill(5), ct: new Uint8Array(48).fill(7) },
    ],
  };

  test("aad, recipients hash, cipher hash, signing hash", () => {
    const aad = payloadAad(G1_FIELDS, plainHash);
    const cipherHash = payloadCipherHash(parts, aad);
    expect(toHex(aad)).toBe(golden["G2 payload_aad (plain hash 09*32)"]);
    expect(toHex(recipientsHash(parts.recipients))).toBe(golden["G2 recipients_hash"]);
    expect(toHex(cipherHash)).toBe(golden["G2 payload_cipher_hash"]);
    const fields: SigningFields = {
      ...G1_FIELDS,
      vesVersion: 1,
      payloadKind: 1,
      payloadPlainHash: plainHash,
      payloadCipherHash: cipherHash,
    };
    expect(toHex(eventSigningHash(fields))).toBe(golden["G2 event_signing_hash"]);
  });
});

describe("golden plain hashes outside the groups", () => {
  test("salted and unsalted", () => {
    const salt = hex("0102030405060708090a0b0c0d0e0f10");
    expect(toHex(payloadPlainHash('{"delta":100,"reason":"test"}', salt))).toBe(
      "d9faf01d51a58f57acafb13ef03a055a9753350868c856795d4eb83ef42a32b7",
    );
    expect(toHex(payloadPlainHash('{"delta":100}'))).toBe(
      "9ac51a331894a0b6d3c0563f28384afd86115d5c9379370989044dfab89f3e5a",
    );
  });

  test("keys sort by UTF-16 units", () => {
    expect(canonicalJson({ "€": 1, "⁰": 2 })).toBe(golden["jcs yellow paper €/⁰"]);
    expect(canonicalJson({ ö: 1, o: 2, A: 3 })).toBe(golden["jcs ö"]);
  });
});
