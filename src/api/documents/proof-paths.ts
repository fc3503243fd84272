/** Compliance and validity proofs in the OpenAPI document. */
import { operation, pathParameter, query } from "./operation.js";
import { type Json, object, ref, U32, UUID } from "./schema-parts.js";

const EVENT = pathParameter("event_id", "Event id.");
const BATCH = pathParameter("batch_id", "Batch id.");
const PROOF = pathParameter("proof_id", "Proof id.");

const WITHOUT_NUL = "^[^\\u0000]*$";

const policyMembers: Json = {
  policyId: { type: "string", minLength: 1, maxLength: 64, pattern: WITHOUT_NUL },
  policyParams: { type: "object", default: {}, description: "Integers up to 2^53-1." },
};

const proofMembers: Json = {
  proofType: {
    type: "string",
    minLength: 1,
    maxLength: 32,
    pattern: WITHOUT_NUL,
    description: "Types that start with `stark` are verified, all others are kept as they are.",
  },
  proofVersion: { ...U32, minimum: 1, default: 1, description: "2 for STARKs." },
  proofB64: { type: "string", description: "1 to 2097152 bytes; standard or URL-safe base64, padded or not." },
  publicInputs: { type: "object", description: "Must equal the canonical ones." },
};

const complianceMembers: Json = {
  ...proofMembers,
  ...policyMembers,
  witnessCommitment: {
    description: "Required for STARKs: 64 lower-case hex digits, optional 0x, or four u64.",
    anyOf: [{ type: "string" }, { type: "array", minItems: 4, maxItems: 4, items: { type: "integer" } }],
  },
};

const validityMembers: Json = {
  ...proofMembers,
  batchPublicInputs: {
    type: "object",
    description: "Required for STARKs: `public_inputs` of the batch file. Its ids and range must be the commitment's.",
  },
};

const inputsOf = (id: string): Json =>
  object([id, "public_inputs", "public_inputs_hash"], {
    [id]: UUID,
    public_inputs: { type: "object" },
    public_inputs_hash: { type: "string", description: "SHA-256 of the canonical JSON, hex." },
  });

const listOf = (id: string, name: string): Json =>
  object([id, "proofs", "count"], {
    [id]: UUID,
    proofs: { type: "array", items: ref(name) },
    count: { type: "integer" },
  });

type ProofName = "ComplianceProof" | "ValidityProof";
const NOT_FOUND = { ComplianceProof: "EVENT_NOT_FOUND", ValidityProof: "BATCH_NOT_FOUND" } as const;

const withBytes = (name: string): Json => ({
  allOf: [ref(name), object(["proof_b64"], { proof_b64: { type: "string" } })],
});

const submit = (name: ProofName, members: Json, required: readonly string[], path: readonly Json[]): Json =>
  operation({
    summary:
      "Submit a proof. The same bytes again answer with the stored proof; others under the same key conflict (409). snake_case names are accepted too, and proof_data for proofB64.",
    parameters: path,
    body: object(required, members),
    answer: ref(name),
    refusals: [NOT_FOUND[name], "ALREADY_EXISTS", "QUOTA_EXCEEDED"],
  });

const verify = (name: string): Json =>
  operation({
    summary: "Check a stored proof afresh, against inputs rebuilt from what it is of.",
    parameters: [PROOF],
    answer: ref(name),
    refusals: ["RESOURCE_NOT_FOUND"],
  });

const POLICY_QUERY = [
  query("policy_id", policyMembers.policyId as Json, "Policy.", true),
  query("policy_params", { type: "string", default: "{}" }, "JSON object."),
];

const COMPLIANCE_REQUIRED = ["proofType", "policyId", "proofB64"];
const VALIDITY_REQUIRED = ["proofType", "proofB64"];
const INPUTS = "Canonical public inputs of an event under a policy: what a proof of it must be made for.";

export const PROOF_PATHS: Json = {
  "/api/v1/ves/compliance/{event_id}/inputs": {
    get: operation({
      summary: INPUTS,
      parameters: [EVENT, ...POLICY_QUERY],
      answer: inputsOf("event_id"),
      refusals: ["EVENT_NOT_FOUND"],
    }),
    post: operation({
      summary: INPUTS,
      parameters: [EVENT],
      body: object(["policyId"], policyMembers),
      answer: inputsOf("event_id"),
      refusals: ["EVENT_NOT_FOUND"],
    }),
  },
  "/api/v1/ves/compliance/{event_id}/proofs": {
    get: operation({
      summary: "Proofs of an event, oldest first.",
      parameters: [EVENT],
      answer: listOf("event_id", "ComplianceProof"),
      refusals: ["EVENT_NOT_FOUND"],
    }),
    post: submit("ComplianceProof", complianceMembers, COMPLIANCE_REQUIRED, [EVENT]),
  },
  "/api/v1/ves/compliance-proofs": {
    post: submit("ComplianceProof", { eventId: UUID, ...complianceMembers }, ["eventId", ...COMPLIANCE_REQUIRED], []),
  },
  "/api/v1/ves/compliance/proofs/{proof_id}": {
    get: operation({
      summary: "A proof with its bytes, which disclose the amount.",
      parameters: [PROOF],
      answer: withBytes("ComplianceProof"),
      refusals: ["RESOURCE_NOT_FOUND"],
    }),
  },
  "/api/v1/ves/compliance/proofs/{proof_id}/verify": { get: verify("ComplianceCheck") },
  "/api/v1/ves/validity/{batch_id}/inputs": {
    get: operation({
      summary: "Canonical public inputs of a commitment.",
      parameters: [BATCH],
      answer: inputsOf("batch_id"),
      refusals: ["BATCH_NOT_FOUND"],
    }),
  },
  "/api/v1/ves/validity/{batch_id}/proofs": {
    get: operation({
      summary: "Proofs of a commitment, oldest first.",
      parameters: [BATCH],
      answer: listOf("batch_id", "ValidityProof"),
      refusals: ["BATCH_NOT_FOUND"],
    }),
    post: submit("ValidityProof", validityMembers, VALIDITY_REQUIRED, [BATCH]),
  },
  "/api/v1/ves/validity-proofs": {
    post: submit("ValidityProof", { batchId: UUID, ...validityMembers }, ["batchId", ...VALIDITY_REQUIRED], []),
  },
  "/api/v1/ves/validity/proofs/{proof_id}": {
    get: operation({
      summary: "A proof with its bytes.",
      parameters: [PROOF],
      answer: withBytes("ValidityProof"),
      refusals: ["RESOURCE_NOT_FOUND"],
    }),
  },
  "/api/v1/ves/validity/proofs/{proof_id}/verify": { get: verify("ValidityCheck") },
};
