/**
 * Bodies of proof submissions (wire-api A.8, A.9). JSON is read losslessly; what two canonicalisers differ on is refused.
 * A submission is read in a proof worker: its body is a hundred times an event's.
 */
import { fromHex } from "../base/bytes.js";
import { CodedError } from "../base/errors.js";
import type { ProofSubmission, SubmissionForm } from "../proofs/proof-submission.js";
import type { JsonCursor } from "../protocol/strict-json.js";
import {
  canonicalExactJson,
  type ExactJson,
  ExactJsonError,
  type ExactJsonObject,
  isExactJsonObject,
  parseExactJson,
} from "../stark/exact-json.js";
import { SAFE_INTEGER_MAX } from "../stark/policy.js";
import { proofHash } from "../store/proof-hash.js";
import { hasAtMost, optional, readBody, required, text, uuid } from "./body.js";

/** Decoded bytes of a proof. */
const PROOF_BYTES_MAX = 2 * 1024 * 1024;
const PROOF_TYPE_CHARACTERS_MAX = 32;
const POLICY_ID_CHARACTERS_MAX = 64;
/** Enough for every name and hash; what is longer is refused before it is looked at. */
const TEXT_CHARACTERS_MAX = 1024;
const U64_MAX = 0xffff_ffff_ffff_ffffn;

const readU32 = (cursor: JsonCursor): number => cursor.readU32();
const readString = (cursor: JsonCursor): string => cursor.readString();

/** Every submission's. */
const PROOF_MEMBERS = {
  proofType: required(text(TEXT_CHARACTERS_MAX), "proofType", "proof_type"),
  proofVersion: optional(readU32, "proofVersion", "proof_version"),
  proofB64: required(readString, "proofB64", "proof_b64", "proof_data"),
  publicInputs: optional(exactJson, "publicInputs", "public_inputs"),
};

export const POLICY_MEMBERS = {
  policyId: required(text(TEXT_CHARACTERS_MAX), "policyId", "policy_id"),
  policyParams: optional(safeObject, "policyParams", "policy_params"),
};

const COMPLIANCE = {
  ...PROOF_MEMBERS,
  ...POLICY_MEMBERS,
  witnessCommitment: optional(exactJson, "witnessCommitment", "witness_commitment"),
};
const COMPLIANCE_OF_EVENT = { ...COMPLIANCE, eventId: required(uuid, "eventId", "event_id") };

/** `batchPublicInputs`: of a STARK, the public inputs of its batch file; a commitment does not determine them. */
const VALIDITY = {
  ...PROOF_MEMBERS,
  batchPublicInputs: optional(exactJsonObject, "batchPublicInputs", "batch_public_inputs"),
};
const VALIDITY_OF_BATCH = { ...VALIDITY, batchId: required(uuid, "batchId", "batch_id") };

/** Throws INVALID_REQUEST_BODY, UNPROCESSABLE_BODY or INVALID_FIELD_VALUE. */
export function readSubmission({ kind, namesSubject }: SubmissionForm, body: Uint8Array): ProofSubmission {
  return kind === "compliance" ? readCompliance(namesSubject, body) : readValidity(namesSubject, body);
}

function readCompliance(namesSubject: boolean, body: Uint8Array): ProofSubmission {
  const given = namesSubject ? readBody(body, COMPLIANCE_OF_EVENT) : { ...readBody(body, COMPLIANCE), eventId: null };
  return {
    ...commonOf("compliance", given),
    subjectId: given.eventId,
    policy: policyOf(given),
    witnessCommitment: checkWitnessCommitment(given.witnessCommitment),
    batchInputs: null,
  };
}

function readValidity(namesSubject: boolean, body: Uint8Array): ProofSubmission {
  const given = namesSubject ? readBody(body, VALIDITY_OF_BATCH) : { ...readBody(body, VALIDITY), batchId: null };
  return {
    ...commonOf("validity", given),
    subjectId: given.batchId,
    policy: null,
    witnessCommitment: null,
    batchInputs: given.batchPublicInputs,
  };
}

function commonOf(kind: SubmissionForm["kind"], given: ReturnType<typeof readBody<typeof PROOF_MEMBERS>>) {
  const proof = decodeProof(given.proofB64);
  return {
    proofType: checkName("proofType", given.proofType, PROOF_TYPE_CHARACTERS_MAX),
    proofVersion: checkProofVersion(given.proofVersion),
    proof,
    proofHash: proofHash(kind, proof),
    publicInputs: given.publicInputs,
  };
}

/** Absent parameters are empty ones. */
export function policyOf({ policyId, policyParams }: ReturnType<typeof readBody<typeof POLICY_MEMBERS>>) {
  return { policyId: checkPolicyId(policyId), policyParams: policyParams ?? {} };
}

/** Any value, integers exact. */
function exactJson(cursor: JsonCursor): ExactJson {
  try {
    return parseExactJson(cursor.readText());
  } catch (error) {
    if (error instanceof ExactJsonError) cursor.fail(error.message);
    throw error;
  }
}

function exactJsonObject(cursor: JsonCursor): ExactJsonObject {
  const value = exactJson(cursor);
  return isExactJsonObject(value) ? value : cursor.fail("expected an object");
}

/** An object as its canonical text reads, no integer beyond 2^53-1: above it the two originals hash differently. */
function safeObject(cursor: JsonCursor): ExactJsonObject {
  const value = parseExactJson(canonicalExactJson(exactJsonObject(cursor))) as ExactJsonObject;
  return isSafe(value) ? value : cursor.fail("expected integers up to 2^53-1");
}

function isSafe(value: ExactJson): boolean {
  if (typeof value === "bigint") return value <= SAFE_INTEGER_MAX && value >= -SAFE_INTEGER_MAX;
  if (typeof value !== "object" || value === null) return true;
  return Object.values(value).every(isSafe);
}

export function checkPolicyId(given: string): string {
  return checkName("policyId", given, POLICY_ID_CHARACTERS_MAX);
}

export function parsePolicyParams(given: string): ExactJsonObject {
  try {
    const value = parseExactJson(canonicalExactJson(parseExactJson(given)));
    if (isExactJsonObject(value) && isSafe(value)) return value;
  } catch (error) {
    if (!(error instanceof ExactJsonError)) throw error;
  }
  throw invalid("policyParams must be a JSON object with integers up to 2^53-1");
}

function checkName(name: string, given: string, charactersMax: number): string {
  const trimmed = given.trim();
  if (trimmed === "") throw invalid(`${name} must not be empty`);
  if (!hasAtMost(trimmed, charactersMax)) throw invalid(`${name} must be <= ${charactersMax} characters`);
  // SQLite's `length()` ends there: the tables' own check would find a name without characters, and stop the lane.
  if (trimmed.includes("\0")) throw invalid(`${name} must not contain U+0000`);
  return trimmed;
}

/** Absent = 1. */
function checkProofVersion(given: number | null): number {
  if (given === 0) throw invalid("proofVersion must be >= 1");
  return given ?? 1;
}

const STANDARD = /^[A-Za-z0-9+/]*={0,2}$/;
const URL_SAFE = /^[A-Za-z0-9_-]*={0,2}$/;

/** Standard or URL-safe, padded or not, one spelling for each byte string. The bytes are in memory of their own. */
function decodeProof(given: string): Uint8Array {
  if (given.length > 4 * Math.ceil(PROOF_BYTES_MAX / 3)) throw tooLarge();
  if (!STANDARD.test(given) && !URL_SAFE.test(given))
    throw invalid("Invalid base64: proofB64 has a character of neither alphabet, or of both");
  const bare = given.replace(/=+$/, "").replaceAll("-", "+").replaceAll("_", "/");
  const length = Buffer.byteLength(bare, "base64");
  if (length === 0) throw invalid("proofB64 must not be empty");
  if (length > PROOF_BYTES_MAX) throw tooLarge();
  const bytes = Buffer.from(new SharedArrayBuffer(length));
  bytes.write(bare, "base64");
  if (bytes.toString("base64").replace(/=+$/, "") !== bare || (given.includes("=") && given.length % 4 !== 0)) {
    throw invalid("Invalid base64: proofB64 has a wrong length or padding");
  }
  return new Uint8Array(bytes.buffer);
}

/** 64 lower-case hex digits, optional `0x`, or four u64. 32 bytes: the limbs big-endian. */
function checkWitnessCommitment(given: ExactJson | null): Uint8Array | null {
  if (given === null) return null;
  if (Array.isArray(given)) return limbBytes(given);
  if (typeof given !== "string") throw invalid(WITNESS_FORM);
  const digits = given.replace(/^0x/, "");
  if (!/^[0-9a-fA-F]{64}$/.test(digits)) throw invalid(WITNESS_FORM);
  if (digits !== digits.toLowerCase()) throw invalid("witnessCommitment must be lowercase hex");
  return fromHex(digits, 32);
}

const WITNESS_FORM = "witnessCommitment must be 64 lowercase hex characters (32 bytes)";

function limbBytes(limbs: readonly ExactJson[]): Uint8Array {
  const bytes = new Uint8Array(32);
  const view = new DataView(bytes.buffer);
  const areU64 = limbs.every((limb) => typeof limb === "bigint" && limb >= 0n && limb <= U64_MAX);
  if (limbs.length !== 4 || !areU64) throw invalid("witnessCommitment must be an array of exactly 4 u64");
  for (const [index, limb] of limbs.entries()) view.setBigUint64(8 * index, limb as bigint);
  return bytes;
}

function tooLarge(): CodedError {
  return invalid(`proofB64 must decode to at most ${PROOF_BYTES_MAX} bytes`);
}

function invalid(message: string): CodedError {
  return new CodedError("INVALID_FIELD_VALUE", message);
}
