/**
 * Compliance and validity proofs over HTTP (STK-07; wire-api A.8, A.9): fetch what a proof must be about, submit it, have it
 * checked. Integers of public inputs are bigints: they are hashed, so none may be rounded. What a proof shows and does not
 * show is in its `statement`; a version 2 proof does not hide the amount.
 */
import { decodeBase64, encodeBase64 } from "../base/base64.js";
import { compactExactJson, type ExactJsonObject, parseExactJson } from "../stark/exact-json.js";
import { listAt, objectOf, textAt } from "./answers.js";
import type { ChannelRequest, HttpChannel } from "./http-channel.js";
import type { JsonObject } from "./json-object.js";
import { SequencerError } from "./sequencer-error.js";

/** Of one event under a policy, or of one commitment. */
export type ProofKind = "compliance" | "validity";

export interface ProofPolicy {
  /** "aml.threshold", "order_total.cap", or one of your own for opaque proofs. */
  readonly policyId: string;
  /** Default: none. Integers above 2^53-1 are refused. */
  readonly policyParams?: ExactJsonObject;
}

/** What the service takes a proof to be about, rebuilt from what it has stored. */
export interface ProofInputs {
  readonly publicInputs: ExactJsonObject;
  /** SHA-256 of their canonical JSON, hex. */
  readonly publicInputsHash: string;
}

interface ProofSubmission {
  /** At most 2 MiB. */
  readonly proof: Uint8Array;
  /** Default "stark". Types that do not start with it are kept without being looked at. */
  readonly proofType?: string;
  /** Default 2, the one version of STARKs there is. */
  readonly proofVersion?: number;
  /** Refused unless they are the service's own. */
  readonly publicInputs?: ExactJsonObject;
}

export interface ComplianceSubmission extends ProofSubmission, ProofPolicy {
  readonly eventId: string;
  /** 64 hex digits; required for STARKs. */
  readonly witnessCommitment?: string;
}

export interface ValiditySubmission extends ProofSubmission {
  readonly batchId: string;
  /** The public inputs of a STARK's own batch file. */
  readonly batchPublicInputs?: ExactJsonObject;
}

export interface RegisteredProof {
  readonly kind: ProofKind;
  readonly proofId: string;
  /** Event or batch id. */
  readonly subjectId: string;
  readonly proofType: string;
  readonly proofVersion: number;
  /** SHA-256 under the kind's domain, hex. */
  readonly proofHash: string;
  readonly publicInputs: ExactJsonObject;
  /** RFC 3339. */
  readonly submittedAt: string;
  /** Conjectured; null where the service has not verified it. */
  readonly securityBits: number | null;
  /** For people: what it shows and what not; null for opaque proofs. */
  readonly statement: string | null;
  /** Only from `get`. */
  readonly proof: Uint8Array | null;
}

/** What the service found when it looked again. */
export interface ProofCheck {
  /** Everything that can be checked holds. */
  readonly valid: boolean;
  /** Why not, e.g. "stark_invalid"; null when valid. */
  readonly reason: string | null;
  /** Null for opaque proofs. */
  readonly starkValid: boolean | null;
  readonly starkError: string | null;
  readonly securityBits: number | null;
  readonly statement: string | null;
}

export interface ProofCallOptions {
  readonly signal?: AbortSignal | undefined;
}

const BASE = "/api/v1/ves";

export class Proofs {
  readonly #http: HttpChannel;

  constructor(http: HttpChannel) {
    this.#http = http;
  }

  /** EVENT_NOT_FOUND also for an event that this key may not see. */
  complianceInputs(eventId: string, policy: ProofPolicy, options: ProofCallOptions = {}): Promise<ProofInputs> {
    const body = compactExactJson({ policyId: policy.policyId, policyParams: policy.policyParams ?? {} });
    return this.#call("POST", pathOf("compliance", eventId, "inputs"), body, options, readInputs);
  }

  validityInputs(batchId: string, options: ProofCallOptions = {}): Promise<ProofInputs> {
    return this.#call("GET", pathOf("validity", batchId, "inputs"), null, options, readInputs);
  }

  /**
   * Resolves once the proof is verified and durable. Retried like `submit` of events: the same proof again is answered with
   * the stored one. INVALID_FIELD_VALUE for a proof that does not hold, ALREADY_EXISTS for another one in its place.
   */
  submitCompliance(submission: ComplianceSubmission, options: ProofCallOptions = {}): Promise<RegisteredProof> {
    const { eventId, policyId, policyParams = {}, witnessCommitment } = submission;
    const members = { policyId, policyParams, ...(witnessCommitment === undefined ? {} : { witnessCommitment }) };
    return this.#submit("compliance", eventId, submission, members, options);
  }

  /** As `submitCompliance`; takes the admin permission. */
  submitValidity(submission: ValiditySubmission, options: ProofCallOptions = {}): Promise<RegisteredProof> {
    const { batchId, batchPublicInputs } = submission;
    const members = batchPublicInputs === undefined ? {} : { batchPublicInputs };
    return this.#submit("validity", batchId, submission, members, options);
  }

  /** Of one event or commitment, oldest first. */
  list(kind: ProofKind, subjectId: string, options: ProofCallOptions = {}): Promise<RegisteredProof[]> {
    return this.#call("GET", pathOf(kind, subjectId, "proofs"), null, options, (answer) =>
      listAt(answer, "proofs").map((proof) => readProof(kind, objectOf(proof))),
    );
  }

  /** With its bytes. */
  get(kind: ProofKind, proofId: string, options: ProofCallOptions = {}): Promise<RegisteredProof> {
    return this.#call("GET", pathOf(kind, "proofs", proofId), null, options, (answer) => readProof(kind, answer));
  }

  /** Has the service verify a stored proof afresh, against what it is about now. */
  check(kind: ProofKind, proofId: string, options: ProofCallOptions = {}): Promise<ProofCheck> {
    return this.#call("GET", `${pathOf(kind, "proofs", proofId)}/verify`, null, options, readCheck);
  }

  #submit(
    kind: ProofKind,
    subjectId: string,
    { proof, proofType = "stark", proofVersion = 2, publicInputs }: ProofSubmission,
    members: ExactJsonObject,
    options: ProofCallOptions,
  ): Promise<RegisteredProof> {
    const body = compactExactJson({
      ...{ proofType, proofVersion: BigInt(proofVersion), proofB64: encodeBase64(proof) },
      ...members,
      ...(publicInputs === undefined ? {} : { publicInputs }),
    });
    return this.#call("POST", pathOf(kind, subjectId, "proofs"), body, options, (answer) => readProof(kind, answer));
  }

  /** Every call may be repeated: a submission is idempotent, the others change nothing. */
  async #call<T>(
    method: ChannelRequest["method"],
    path: string,
    body: string | null,
    { signal }: ProofCallOptions,
    read: (answer: JsonObject) => T,
  ): Promise<T> {
    const request = { method, path, signal, isRepeatable: true, parse: parseExactJson };
    return read(objectOf(await this.#http.call(body === null ? request : { ...request, body })));
  }
}

function pathOf(kind: ProofKind, ...parts: readonly string[]): string {
  return [BASE, kind, ...parts.map(encodeURIComponent)].join("/");
}

function readInputs(answer: JsonObject): ProofInputs {
  return {
    publicInputs: objectOf(answer.public_inputs) as ExactJsonObject,
    publicInputsHash: textAt(answer, "public_inputs_hash"),
  };
}

function readProof(kind: ProofKind, answer: JsonObject): RegisteredProof {
  return {
    kind,
    proofId: textAt(answer, "proof_id"),
    subjectId: textAt(answer, kind === "compliance" ? "event_id" : "batch_id"),
    proofType: textAt(answer, "proof_type"),
    proofVersion: numberAt(answer, "proof_version") ?? 0,
    proofHash: textAt(answer, "proof_hash"),
    publicInputs: objectOf(answer.public_inputs) as ExactJsonObject,
    submittedAt: textAt(answer, "submitted_at"),
    securityBits: numberAt(answer, "stark_security_bits"),
    statement: nullableText(answer, "stark_statement"),
    proof: answer.proof_b64 === undefined ? null : bytesAt(answer, "proof_b64"),
  };
}

function readCheck(answer: JsonObject): ProofCheck {
  const { valid, stark_valid: starkValid } = answer;
  if (typeof valid !== "boolean") throw unexpected("valid");
  if (typeof starkValid !== "boolean" && starkValid !== null) throw unexpected("stark_valid");
  return {
    valid,
    reason: nullableText(answer, "reason"),
    starkValid,
    starkError: nullableText(answer, "stark_error"),
    securityBits: numberAt(answer, "stark_security_bits"),
    statement: nullableText(answer, "stark_statement"),
  };
}

function numberAt(answer: JsonObject, name: string): number | null {
  const value = answer[name] ?? null;
  if (value === null) return null;
  if (typeof value !== "bigint") throw unexpected(name);
  return Number(value);
}

function nullableText(answer: JsonObject, name: string): string | null {
  return (answer[name] ?? null) === null ? null : textAt(answer, name);
}

function bytesAt(answer: JsonObject, name: string): Uint8Array {
  const bytes = decodeBase64(textAt(answer, name));
  if (bytes === null) throw unexpected(name);
  return bytes;
}

function unexpected(name: string): SequencerError {
  return new SequencerError({ code: "INVALID_RESPONSE", message: `the answer is not what was expected: ${name}` });
}
