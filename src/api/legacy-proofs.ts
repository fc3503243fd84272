/** Inclusion proofs of legacy events (COM-06; bodies of wire-api A.6), and a check of one that needs no rows. */
import type { Authenticator } from "../auth/authenticator.js";
import type { Commitments } from "../commit/commitments.js";
import { verifyLegacyInclusion, verifyLegacyPath } from "../protocol/legacy-merkle.js";
import type { HttpReply, HttpRequest, Route } from "../transport/http.js";
import type { Scope } from "../verify/scope.js";
import { authenticated } from "./access.js";
import { checkProof, proveSequence } from "./inclusion-proofs.js";
import { jsonReply } from "./reply.js";

export interface LegacyProofRoutesOptions {
  readonly authenticator: Authenticator;
  readonly commitments: Commitments;
}

export function legacyProofRoutes(options: LegacyProofRoutesOptions): Route[] {
  const { authenticator } = options;
  const bySequence = { method: "GET", path: "/api/v1/proofs/{sequence_number}" } as const;
  const verify = { method: "POST", path: "/api/v1/proofs/verify", body: "json" } as const;
  return [
    authenticated(authenticator, bySequence, (request, { scope }) => prove(options, request, scope)),
    authenticated(authenticator, verify, ({ body }, { scope }) => verifyProof(body, scope)),
  ];
}

/** `leaf_count` is beyond the original's members: with it the proof's length is known exactly. */
async function prove(options: LegacyProofRoutesOptions, request: HttpRequest, scope: Scope): Promise<HttpReply> {
  const { merkle_root: eventsRoot, ...proof } = await proveSequence(options, request, scope);
  const commitment = await options.commitments.directory.find(proof.batch_id, scope.tenantId);
  const leafCount = commitment!.sequenceEnd - commitment!.sequenceStart + 1;
  return jsonReply({ ...proof, events_root: eventsRoot, leaf_count: leafCount });
}

function verifyProof(body: Uint8Array, scope: Scope): HttpReply {
  return checkProof(body, scope, "events_root", ({ root: eventsRoot, leafCount, ...proof }) =>
    leafCount === null
      ? verifyLegacyPath({ ...proof, eventsRoot })
      : verifyLegacyInclusion({ ...proof, eventsRoot, leafCount }),
  );
}
