/** `stateset-sequencer/client`: everything an agent, a consumer or a verifier needs. The core runs in browsers. */
export type { Uuid } from "../base/ids.js";
export type { JsonValue } from "../protocol/canonical-json.js";
export { type Ed25519, nobleEd25519 } from "../protocol/ed25519.js";
export {
  EncryptionError,
  type EncryptionErrorCode,
  type EncryptionRecipient,
  generateEncryptionKeyPair,
} from "../protocol/encryption.js";
export type { EncryptedPayload, EventEnvelope } from "../protocol/envelope.js";
export type { Receipt } from "../protocol/receipt.js";
export { Agent, type AgentOptions, type DecryptionKey, decryptEvent, type EventInput } from "./agent.js";
export type {
  AgentKey,
  AgentKeyRef,
  AgentKeyRegistered,
  AgentKeyRegistration,
  AgentKeyRevoked,
  AgentKeyType,
} from "./agent-keys.js";
export type {
  LegacyEntry,
  LogEntry,
  LogHead,
  LogIdentity,
  LogPage,
  ReceiptSigner,
  Rejection,
  SequencerIdentity,
  StreamPage,
  SubmitResult,
  VesEntry,
} from "./answers.js";
export type { BackoffPolicy } from "./backoff.js";
export type { ClientClock } from "./client-clock.js";
export type { Commitment, CommitmentRange, ProvenInclusion } from "./commitments.js";
export type { ConnectionAction, ConnectionEvent, ConnectionState, Transition } from "./connection-states.js";
export type { WebSocketConstructor, WebSocketLike } from "./entry-socket.js";
export type { Fetch, RetryPolicy } from "./http-channel.js";
export { LogAudit, type LogAuditOptions, type LoggedEntry } from "./log-audit.js";
export type { EntryFilters, LogCursor } from "./log-query.js";
export {
  type ComplianceSubmission,
  type ProofCheck,
  type ProofInputs,
  type ProofKind,
  type ProofPolicy,
  Proofs,
  type RegisteredProof,
  type ValiditySubmission,
} from "./proofs.js";
export { EVENTS_PER_SUBMIT_MAX, SequencerClient, type SequencerClientOptions } from "./sequencer-client.js";
export { type ClientErrorCode, SequencerError, type SequencerErrorCode } from "./sequencer-error.js";
export { generateSigningKey, proofOfPossession, type SigningKey } from "./signing-key.js";
export type { SubscribeOptions } from "./subscribe-options.js";
export { Subscription } from "./subscription.js";
export { type TrustedSigner, type VerifyOptions, verifyEntry, verifyReceipt } from "./verify-entry.js";
