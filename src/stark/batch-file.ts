/**
 * Batch artefacts (section 7.3): JSON and binary, version 4. Redundant fields are checked against what they repeat; the
 * public inputs are the file's own claims until compared with a trusted record.
 */
import { utf8 } from "../base/bytes.js";
import { type Uuid, uuidFromBytes } from "../base/ids.js";
import { ComplianceInputError } from "./compliance-input-error.js";
import { batchProofHash } from "./digest.js";
import { canonicalExactJson, type ExactJsonObject } from "./exact-json.js";
import {
  hashField,
  integerField,
  integerListField,
  objectField,
  requireEqual,
  textField,
  uuidField,
} from "./json-fields.js";
import { parseObject, utf8Text } from "./proof-artefact.js";
import type { BatchStatement } from "./statement.js";
import {
  BATCH_ELEMENTS,
  type BatchInputs,
  batchElements,
  batchInputs,
  batchPolicyLimbs,
  batchStatementFault,
} from "./v2/batch-statement.js";
import { ByteReader } from "./v2/byte-reader.js";

export interface BatchFile {
  readonly proof: Uint8Array;
  readonly inputs: BatchInputs;
  readonly provingTimeMs: bigint;
  readonly traceLength: bigint;
  readonly proverVersion: string;
}

const BATCH_FILE_BYTES_MAX = 10 * 1024 * 1024;
const VERSION = 4n;
/** Binary files of this version end after the public inputs. */
const VERSION_WITHOUT_METADATA = 3;
/** The 35 public elements plus the policy hash. */
const FILE_ELEMENTS = 43;
const U64_MAX = 0xffffffffffffffffn;

/** Fields of `public_inputs` in file order; the policy hash stands between the verdict and the policy. */
const FIELDS: ReadonlyArray<readonly [name: string, length: number]> = [
  ["prev_state_root", 4],
  ["new_state_root", 4],
  ["batch_id", 4],
  ["tenant_id", 4],
  ["store_id", 4],
  ["sequence_start", 1],
  ["sequence_end", 1],
  ["timestamp", 1],
  ["num_events", 1],
  ["all_compliant", 1],
  ["policy_hash", 8],
  ["policy_kind", 1],
  ["policy_limit", 1],
  ["public_inputs_accumulator", 8],
];
/** Elements before the policy hash. */
const BEFORE_POLICY_HASH = 25;

export function batchStatementOf(inputs: BatchInputs): BatchStatement {
  return { proofVersion: 2, kind: "batch", publicElements: batchElements(inputs) };
}

function fileElements(inputs: BatchInputs): bigint[] {
  return batchElements(inputs).toSpliced(BEFORE_POLICY_HASH, 0, ...batchPolicyLimbs(inputs));
}

/** Validates the 43 elements of a file and drops the policy hash, which kind and limit determine. */
function inputsOf(elements: readonly bigint[]): BatchInputs {
  const publicElements = elements.toSpliced(BEFORE_POLICY_HASH, FILE_ELEMENTS - BATCH_ELEMENTS);
  const statement: BatchStatement = { proofVersion: 2, kind: "batch", publicElements };
  const fault = batchStatementFault(statement);
  if (fault !== null) throw new ComplianceInputError(fault);
  const inputs = batchInputs(statement);
  requireEqual("policy_hash", elements.slice(BEFORE_POLICY_HASH, 33).join(), batchPolicyLimbs(inputs).join());
  return inputs;
}

/** Four 32-bit limbs as a UUID. */
function limbsToUuid(limbs: readonly bigint[]): Uuid {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  for (const [i, limb] of limbs.entries()) view.setUint32(4 * i, Number(limb & 0xffffffffn), true);
  return uuidFromBytes(bytes);
}

function metadataJson(file: BatchFile): ExactJsonObject {
  return {
    batch_id: limbsToUuid(file.inputs.batchId),
    num_events: file.inputs.events.toString(),
    all_compliant: file.inputs.isAllCompliant,
    proving_time_ms: file.provingTimeMs.toString(),
    trace_length: file.traceLength.toString(),
    proof_size: file.proof.length.toString(),
    prover_version: file.proverVersion,
  };
}

export function batchFileJson(file: BatchFile): ExactJsonObject {
  const { proof, inputs } = file;
  const elements = fileElements(inputs).map(String);
  const publicInputs: Record<string, string | string[]> = {};
  let at = 0;
  for (const [name, length] of FIELDS) {
    publicInputs[name] = length === 1 ? elements[at]! : elements.slice(at, at + length);
    at += length;
  }
  return {
    version: VERSION,
    proof: {
      proof_bytes: Array.from(proof, BigInt),
      proof_hash: batchProofHash(proof),
      prev_state_root: inputs.previousRoot.map(String),
      new_state_root: inputs.newRoot.map(String),
      metadata: metadataJson(file),
    },
    public_inputs: publicInputs,
  };
}

/** Reads either form, told apart by the first byte. Throws ComplianceInputError. */
export function readBatchFile(bytes: Uint8Array): BatchFile {
  if (bytes.length > BATCH_FILE_BYTES_MAX) throw new ComplianceInputError("batch file exceeds 10 MiB");
  return bytes[0] === 0x7b ? readJsonFile(bytes) : readBinaryFile(bytes);
}

function readJsonFile(bytes: Uint8Array): BatchFile {
  const json = parseObject(utf8Text(bytes));
  if (integerField(json, "version", U64_MAX) !== VERSION) throw new ComplianceInputError("version must be 4");
  const inputs = inputsOf(publicElements(objectField(json, "public_inputs")));
  const proofJson = objectField(json, "proof");
  const list = proofJson.proof_bytes;
  if (!Array.isArray(list)) throw new ComplianceInputError("proof_bytes must be a list of bytes");
  const proof = Uint8Array.from(integerListField(proofJson, "proof_bytes", list.length, 255n), Number);
  requireEqual("proof_hash", hashField(proofJson, "proof_hash"), batchProofHash(proof));
  const root = (key: string): string => integerListField(proofJson, key, 4, U64_MAX).join();
  requireEqual("prev_state_root", root("prev_state_root"), inputs.previousRoot.join());
  requireEqual("new_state_root", root("new_state_root"), inputs.newRoot.join());
  return withMetadata(proof, inputs, objectField(proofJson, "metadata"));
}

/** The public inputs of a JSON file, or of a file that holds nothing else. */
function publicElements(json: ExactJsonObject): bigint[] {
  return FIELDS.flatMap(([name, length]) => {
    if (length > 1) return integerListField(json, name, length, U64_MAX);
    const flag = json[name];
    return [typeof flag === "boolean" ? BigInt(flag) : integerField(json, name, U64_MAX, true)];
  });
}

export function batchInputsOf(json: ExactJsonObject): BatchInputs {
  return inputsOf(publicElements(json));
}

function withMetadata(proof: Uint8Array, inputs: BatchInputs, metadata: ExactJsonObject): BatchFile {
  const count = (key: string): bigint => integerField(metadata, key, U64_MAX, true);
  requireEqual("batch_id", uuidField(metadata, "batch_id"), limbsToUuid(inputs.batchId));
  requireEqual("num_events", count("num_events"), BigInt(inputs.events));
  requireEqual("all_compliant", metadata.all_compliant, inputs.isAllCompliant);
  requireEqual("proof_size", count("proof_size"), BigInt(proof.length));
  return {
    proof,
    inputs,
    provingTimeMs: count("proving_time_ms"),
    traceLength: count("trace_length"),
    proverVersion: textField(metadata, "prover_version"),
  };
}

/** Version byte, big-endian length and proof, 43 little-endian u64, big-endian length and compact metadata. */
export function batchFileBytes(file: BatchFile): Uint8Array {
  const metadata = utf8(canonicalExactJson(metadataJson(file)));
  const elementsAt = 5 + file.proof.length;
  const metadataAt = elementsAt + 8 * FILE_ELEMENTS;
  const bytes = new Uint8Array(metadataAt + 4 + metadata.length);
  const view = new DataView(bytes.buffer);
  bytes[0] = Number(VERSION);
  view.setUint32(1, file.proof.length);
  bytes.set(file.proof, 5);
  for (const [i, element] of fileElements(file.inputs).entries()) view.setBigUint64(elementsAt + 8 * i, element, true);
  view.setUint32(metadataAt, metadata.length);
  bytes.set(metadata, metadataAt + 4);
  return bytes;
}

function readBinaryFile(bytes: Uint8Array): BatchFile {
  const reader = new ByteReader(bytes);
  const version = reader.u8();
  if (version !== Number(VERSION) && version !== VERSION_WITHOUT_METADATA) {
    throw new ComplianceInputError("unknown batch file version");
  }
  const blob = (): Uint8Array => {
    const lengthAt = reader.skip(4);
    const length = reader.refusal === null ? new DataView(bytes.buffer, bytes.byteOffset + lengthAt).getUint32(0) : 0;
    const at = reader.skip(length);
    return bytes.subarray(at, at + length);
  };
  const proof = blob();
  const elements = Array.from({ length: FILE_ELEMENTS }, () => reader.u64());
  const metadata = version === VERSION_WITHOUT_METADATA ? null : blob();
  reader.finish();
  if (reader.refusal !== null) throw new ComplianceInputError(`batch file: ${reader.refusal.detail}`);
  const inputs = inputsOf(elements);
  if (metadata !== null) return withMetadata(proof, inputs, parseObject(utf8Text(metadata)));
  return { proof, inputs, provingTimeMs: 0n, traceLength: 0n, proverVersion: "" };
}

/** Null if the batches follow one another (section 8.9), else the first fault. Says nothing about their proofs. */
export function chainFault(batches: readonly BatchInputs[]): string | null {
  for (const [i, next] of batches.entries()) {
    const previous = batches[i - 1];
    if (previous === undefined) continue;
    if (next.tenantId.join() !== previous.tenantId.join()) return `batch ${i} is of another tenant`;
    if (next.storeId.join() !== previous.storeId.join()) return `batch ${i} is of another store`;
    if (next.sequenceStart !== previous.sequenceEnd + 1n) return `batch ${i} does not continue the sequence`;
    if (next.previousRoot.join() !== previous.newRoot.join()) return `batch ${i} does not continue the state root`;
  }
  return null;
}
