/**
 * The name of every operation, by which generated clients call it, and the group it is shown in. Names stay: a generated
 * client's callers depend on them.
 */
import type { Json } from "./schema-parts.js";

interface Group {
  readonly description: string;
  /** `METHOD path` → operationId. */
  readonly operations: Readonly<Record<string, string>>;
}

const GROUPS: Readonly<Record<string, Group>> = {
  events: {
    description: "Signed VES events and the one order they stand in.",
    operations: {
      "POST /api/v1/ves/events/ingest": "ingestEvents",
      "GET /api/v1/ves/events": "listEvents",
      "GET /api/v1/ves/events/{event_id}": "getEvent",
      "GET /api/v1/log": "readLog",
      "GET /api/v1/head": "getHead",
      "GET /api/v1/sequencer": "getSequencer",
    },
  },
  keys: {
    description: "Agents' keys and API keys.",
    operations: {
      "POST /api/v1/agents/keys": "registerAgentKey",
      "GET /api/v1/agents/keys": "listAgentKeys",
      "DELETE /api/v1/agents/keys/{key_id}": "deleteAgentKey",
      "POST /api/v1/agents/keys/revoke": "revokeAgentKey",
      "POST /api/v1/agent-keys": "registerAgentKeyAlias",
      "GET /api/v1/agent-keys": "listAgentKeysAlias",
      "DELETE /api/v1/agent-keys/{key_id}": "deleteAgentKeyAlias",
      "POST /api/v1/admin/api-keys": "createApiKey",
      "GET /api/v1/admin/api-keys": "listApiKeys",
      "DELETE /api/v1/admin/api-keys/{key_hash_prefix}": "revokeApiKey",
    },
  },
  commitments: {
    description: "Merkle commitments of VES events and inclusion proofs.",
    operations: {
      "POST /api/v1/ves/commitments": "createCommitment",
      "GET /api/v1/ves/commitments": "listCommitments",
      "GET /api/v1/ves/commitments/{batch_id}": "getCommitment",
      "GET /api/v1/ves/proofs/{sequence_number}": "getInclusionProof",
      "GET /api/v1/ves/inclusion-proofs/{event_id}": "getInclusionProofOfEvent",
      "POST /api/v1/ves/proofs/verify": "verifyInclusionProof",
    },
  },
  proofs: {
    description: "Compliance proofs of events, validity proofs of commitments.",
    operations: {
      "GET /api/v1/ves/compliance/{event_id}/inputs": "getComplianceInputs",
      "POST /api/v1/ves/compliance/{event_id}/inputs": "computeComplianceInputs",
      "GET /api/v1/ves/compliance/{event_id}/proofs": "listComplianceProofs",
      "POST /api/v1/ves/compliance/{event_id}/proofs": "submitComplianceProof",
      "POST /api/v1/ves/compliance-proofs": "submitComplianceProofAlias",
      "GET /api/v1/ves/compliance/proofs/{proof_id}": "getComplianceProof",
      "GET /api/v1/ves/compliance/proofs/{proof_id}/verify": "verifyComplianceProof",
      "GET /api/v1/ves/validity/{batch_id}/inputs": "getValidityInputs",
      "GET /api/v1/ves/validity/{batch_id}/proofs": "listValidityProofs",
      "POST /api/v1/ves/validity/{batch_id}/proofs": "submitValidityProof",
      "POST /api/v1/ves/validity-proofs": "submitValidityProofAlias",
      "GET /api/v1/ves/validity/proofs/{proof_id}": "getValidityProof",
      "GET /api/v1/ves/validity/proofs/{proof_id}/verify": "verifyValidityProof",
    },
  },
  legacy: {
    description: "Legacy events, which carry no verified signature, and their commitments.",
    operations: {
      "POST /api/v1/events/ingest": "ingestLegacyEvents",
      "GET /api/v1/events": "listLegacyEvents",
      "GET /api/v1/entities/{entity_type}/{entity_id}": "getEntityHistory",
      "POST /api/v1/commitments": "createLegacyCommitment",
      "GET /api/v1/commitments": "listLegacyCommitments",
      "GET /api/v1/commitments/{batch_id}": "getLegacyCommitment",
      "GET /api/v1/proofs/{sequence_number}": "getLegacyInclusionProof",
      "POST /api/v1/proofs/verify": "verifyLegacyInclusionProof",
    },
  },
  transparency: {
    description: "The whole log as a Merkle tree: signed checkpoints, tiles, proofs. Public.",
    operations: {
      "GET /tlog/checkpoint": "getCheckpointNote",
      "GET /tlog/tile/{level}/{index}": "getTile",
      "GET /api/v1/log/checkpoint": "getCheckpoint",
      "GET /api/v1/log/inclusion": "getLogInclusion",
      "GET /api/v1/log/consistency": "getLogConsistency",
    },
  },
  operations: {
    description: "For whoever runs the service, and these documents.",
    operations: {
      "GET /health": "getHealth",
      "GET /ready": "getReadiness",
      "GET /metrics": "getMetrics",
      "GET /openapi.json": "getOpenApi",
      "GET /asyncapi.json": "getAsyncApi",
    },
  },
};

export const TAGS: readonly Json[] = Object.entries(GROUPS).map(([name, { description }]) => ({ name, description }));

const NAMES = new Map(
  Object.entries(GROUPS).flatMap(([tag, { operations }]) =>
    Object.entries(operations).map(([place, operationId]) => [place, { operationId, tags: [tag] }]),
  ),
);

/** The same paths, each operation with its name and group. */
export function named(paths: Json): Json {
  return Object.fromEntries(
    Object.entries(paths).map(([path, methods]) => [
      path,
      Object.fromEntries(
        Object.entries(methods as Json).map(([method, operation]) => [
          method,
          { ...NAMES.get(`${method.toUpperCase()} ${path}`), ...(operation as Json) },
        ]),
      ),
    ]),
  );
}
