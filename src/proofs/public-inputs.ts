/**
 * The canonical public inputs of an event under a policy and of a commitment (wire-api A.8, A.9; PRF-03, PRF-04): rebuilt
 * from stored facts alone, so what a proof is checked against never comes from whoever submits it.
 */
import { assert } from "../base/assert.js";
import { fromHex, toHex } from "../base/bytes.js";
import type { EventEnvelope } from "../protocol/envelope.js";
import { eventSigningHash } from "../protocol/event-signing.js";
import { paddedLeafCount, treeDepth } from "../protocol/merkle.js";
import { complianceInputsJson } from "../stark/compliance-inputs.js";
import type { ExactJsonObject } from "../stark/exact-json.js";
import { policyHashHex } from "../stark/policy.js";
import type { Commitment } from "../store/commitment-contract.js";
import type { LogEntry } from "../store/contract.js";

/** What the sequencer knows of an event and a policy. Any policy: whether a STARK can be about it is asked elsewhere. */
export function compliancePublicInputs(
  entry: LogEntry,
  policyId: string,
  policyParams: ExactJsonObject,
): ExactJsonObject {
  const { event } = JSON.parse(Buffer.from(entry.frame).toString("utf8")) as { event: EventEnvelope };
  const payloadPlainHash = hashOf(event.payload_plain_hash);
  const payloadCipherHash = hashOf(event.payload_cipher_hash);
  const signingHash = eventSigningHash({
    vesVersion: event.ves_version,
    tenantId: event.tenant_id,
    storeId: event.store_id,
    eventId: event.event_id,
    sourceAgentId: event.source_agent_id,
    agentKeyId: event.agent_key_id,
    entityType: event.entity_type,
    entityId: event.entity_id,
    eventType: event.event_type,
    createdAt: event.created_at,
    payloadKind: event.payload_kind,
    payloadPlainHash,
    payloadCipherHash,
  });
  return complianceInputsJson({
    eventId: event.event_id,
    tenantId: entry.tenantId,
    storeId: entry.storeId,
    sequenceNumber: BigInt(entry.sequenceNumber),
    payloadKind: BigInt(event.payload_kind),
    payloadPlainHash: toHex(payloadPlainHash),
    payloadCipherHash: toHex(payloadCipherHash),
    eventSigningHash: toHex(signingHash),
    policyId,
    policyParams,
    policyHash: policyHashHex(policyId, policyParams),
    witnessCommitment: null,
    authorizationReceiptHash: null,
    amountBindingHash: null,
  });
}

const ZERO_HASH = "0".repeat(64);

/** `allCompliant`, `policyHash` and `policyLimit` are fixed: the format has them, a commitment says nothing about them. */
export function validityPublicInputs(commitment: Commitment): ExactJsonObject {
  const leafCount = commitment.sequenceEnd - commitment.sequenceStart + 1;
  return {
    batchId: commitment.batchId,
    tenantId: commitment.tenantId,
    storeId: commitment.storeId,
    vesVersion: 1n,
    treeDepth: BigInt(treeDepth(leafCount)),
    leafCount: BigInt(leafCount),
    paddedLeafCount: BigInt(paddedLeafCount(leafCount)),
    merkleRoot: toHex(commitment.merkleRoot),
    prevStateRoot: toHex(commitment.prevStateRoot),
    newStateRoot: toHex(commitment.newStateRoot),
    sequenceStart: BigInt(commitment.sequenceStart),
    sequenceEnd: BigInt(commitment.sequenceEnd),
    allCompliant: true,
    policyHash: ZERO_HASH,
    policyLimit: 0n,
  };
}

function hashOf(text: string): Uint8Array {
  const bytes = fromHex(text, 32);
  assert(bytes !== null, "a stored envelope holds a hash that is no hash");
  return bytes;
}
