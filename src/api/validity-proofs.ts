/** Validity proof routes (PRF-01, PRF-03..09; bodies of wire-api A.8): proofs of one commitment. */
import { CodedError } from "../base/errors.js";
import { validityPublicInputs } from "../proofs/public-inputs.js";
import type { Commitment, CommitmentReader } from "../store/commitment-contract.js";
import type { Route } from "../transport/http.js";
import { coversStore, coversTenant, requireRead } from "../verify/scope.js";
import { jsonRoutes } from "./access.js";
import { pathId } from "./path-id.js";
import { inputsReply, type ProofRoutesOptions, type ProofSubjects, proofRoutes } from "./proof-routes.js";

export interface ValidityProofRoutesOptions extends ProofRoutesOptions {
  readonly reader: CommitmentReader;
}

export function validityProofRoutes(options: ValidityProofRoutesOptions): Route[] {
  const { get } = jsonRoutes(options.authenticator);
  const commitments = commitmentSubjects(options.reader);
  return [
    get("/api/v1/ves/validity/{batch_id}/inputs", async ({ params }, { scope }) => {
      requireRead(scope);
      const commitment = await commitments.find(pathId(params, "batch_id"), scope);
      return inputsReply("batch_id", commitment.batchId, validityPublicInputs(commitment));
    }),
    ...proofRoutes(options, commitments),
  ];
}

function commitmentSubjects(reader: CommitmentReader): ProofSubjects<Commitment> {
  return {
    kind: "validity",
    idName: "batch_id",
    async find(id, scope) {
      const found = await reader.commitment(id, scope.tenantId);
      if (found !== null && coversTenant(scope, found.tenantId) && coversStore(scope, found.storeId)) return found;
      throw new CodedError("BATCH_NOT_FOUND", "Commitment not found");
    },
    authorizeSubmit(scope) {
      if (!scope.canAdmin) throw new CodedError("INSUFFICIENT_PERMISSIONS", "Admin permission required");
    },
    subjectOf(commitment) {
      const { batchId: id, tenantId, storeId } = commitment;
      return { kind: "validity", id, tenantId, storeId, publicInputs: validityPublicInputs(commitment) };
    },
    canonicalInputs: validityPublicInputs,
  };
}
