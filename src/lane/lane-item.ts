import type { ErrorCode } from "../base/errors.js";
import type { Uuid } from "../base/ids.js";
import type { Commitment, CommitmentSeries } from "../store/commitment-contract.js";
import type { AgentKey, AgentKeyRef, ApiKey } from "../store/contract.js";
import type { ProofFacts, StoredProof } from "../store/proof-contract.js";
import type { LegacyRequest } from "../verify/legacy-request.js";
import type { VerifiedRequest } from "../verify/verified-request.js";

/**
 * What the lane orders: verified ingest requests, and the commands that change who may do what. Commands go through the
 * lane because it is the only writer, and so that a revocation has a place in the order: nothing signed by the key comes
 * after it.
 */
export type LaneItem =
  | { readonly kind: "ingest"; readonly request: VerifiedRequest }
  | { readonly kind: "ingest_legacy"; readonly request: LegacyRequest }
  | LaneCommand;

export type LaneCommand =
  | KeyChange
  /**
   * `merkleRoot` is of the stored events from `sequenceStart` to `sequenceEnd`, which never change. So is a legacy
   * commitment's `stateRoot`; null = it follows from the chain. `by`: as of a change of keys.
   */
  | {
      readonly kind: "commit_range";
      readonly requestId: number;
      readonly by: string | null;
      readonly series: CommitmentSeries;
      readonly stateRoot: Uint8Array | null;
      readonly batchId: Uuid;
      readonly tenantId: Uuid;
      readonly storeId: Uuid;
      readonly sequenceStart: number;
      readonly sequenceEnd: number;
      readonly merkleRoot: Uint8Array;
    }
  /** `proof` was checked as far as it will be. `submit_compliance_proof` is of an event, the other of a commitment. */
  | ProofCommand<"submit_compliance_proof">
  | ProofCommand<"submit_validity_proof">;

/** What changes keys. Refused where the API key that asks, or the signing key that vouches, was revoked before it in the order. */
export type KeyChange = KeyChangeFacts & {
  readonly requestId: number;
  /** The API key that asks, by its hash; null = nothing that can be revoked. */
  readonly by: string | null;
};

type KeyChangeFacts =
  | {
      readonly kind: "register_agent_key";
      /** `keyId` null = the agent's highest + 1, the first being 1. */
      readonly key: AgentKeyRegistration;
      /** Of an encryption key: the signing key that has signed its proof. */
      readonly voucher: AgentKeyRef | null;
    }
  | { readonly kind: "revoke_agent_key"; readonly ref: AgentKeyRef; readonly reason: string | null }
  | { readonly kind: "create_api_key"; readonly key: Omit<ApiKey, "createdAtMs" | "revokedAtMs"> }
  | { readonly kind: "revoke_api_key"; readonly keyHash: string };

interface ProofCommand<K extends string> {
  readonly kind: K;
  readonly requestId: number;
  readonly facts: ProofFacts;
  readonly proof: Uint8Array;
}

export type AgentKeyRegistration = Omit<AgentKey, "keyId" | "createdAtMs" | "revokedAtMs" | "revokeReason"> & {
  readonly keyId: number | null;
};

/** A command before the lane's handle numbers it. */
export type LaneCommandBody = LaneCommand extends infer C
  ? C extends LaneCommand
    ? Omit<C, "requestId">
    : never
  : never;

/** What a command leaves behind, by its kind. */
export type CommandResult = AgentKey | RevokedAgentKey | ApiKey | Commitment | StoredProof;

/** As it stands after a revocation, which changes nothing where an earlier one did. */
export interface RevokedAgentKey extends AgentKey {
  readonly revokedAtMs: number;
  readonly wasRevokedBefore: boolean;
}

/** Why a command was not done. */
export interface CommandRefusal {
  readonly code: ErrorCode;
  readonly message: string;
}

/** The one answer an item gets, after the chunk that holds it is durable. */
export type LaneAnswer =
  | { readonly requestId: number; readonly ok: true; readonly body: Uint8Array | CommandResult }
  | { readonly requestId: number; readonly ok: false; readonly code: ErrorCode; readonly message: string };
