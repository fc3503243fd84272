import { describe, expect, it } from "vitest";
import { encodeBase64 } from "../../../src/base/base64.js";
import { bindInputs, makeAmountBinding } from "../../../src/stark/amount-binding.js";
import {
  type BatchFile,
  batchFileBytes,
  batchFileJson,
  batchStatementOf,
  chainFault,
  readBatchFile,
} from "../../../src/stark/batch-file.js";
import { complianceBundleJson, parseComplianceBundle, proofMetadata } from "../../../src/stark/compliance-bundle.js";
import { ComplianceInputError } from "../../../src/stark/compliance-input-error.js";
import { parseComplianceInputs } from "../../../src/stark/compliance-inputs.js";
import {
  canonicalExactJson,
  type ExactJsonObject,
  isExactJsonObject,
  parseExactJson,
  prettyExactJson,
} from "../../../src/stark/exact-json.js";
import { readProofArtefact } from "../../../src/stark/proof-artefact.js";
import { batchInputs } from "../../../src/stark/v2/batch-statement.js";
import { verify } from "../../../src/stark/verify.js";
import { type batchStatement, fixtureProof, fixtureStatement, fixtureText, newKernels } from "./fixtures.js";

const kernels = newKernels();
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

function bundleJson(): ExactJsonObject {
  const json = parseExactJson(fixtureText("c_secure", "canon"));
  if (!isExactJsonObject(json)) throw new Error("fixture");
  const unbound = parseComplianceInputs(json);
  const amountBinding = makeAmountBinding(unbound, 10_000n);
  const proof = fixtureProof("c_secure");
  const inputs = bindInputs(kernels, unbound, amountBinding);
  return complianceBundleJson({ proof, inputs, amountBinding }, proofMetadata(proof, 12.4, "test"));
}

describe("compliance bundle (section 7.1)", () => {
  it("has the published names and round-trips with exact u64", () => {
    const bundle = bundleJson();
    expect(Object.keys(bundle).sort()).toEqual(
      [
        "amountBinding",
        "boundPublicInputsHash",
        "bundleHash",
        "metadata",
        "proofB64",
        "proofHash",
        "proofType",
        "proofVersion",
        "publicInputs",
        "publicInputsHash",
        "version",
        "witnessCommitment",
        "witnessCommitmentHex",
      ].sort(),
    );
    expect(bundle.boundPublicInputsHash).toBe(fixtureText("c_secure", "boundhash"));
    const reread = parseExactJson(prettyExactJson(bundle)) as ExactJsonObject;
    expect(canonicalExactJson(reread)).toBe(canonicalExactJson(bundle));
    expect(parseComplianceBundle(kernels, reread).amountBinding.amount).toBe(10_000n);
    const artefact = readProofArtefact(kernels, bytesOf(prettyExactJson(bundle)));
    expect(artefact.witnessCommitment).toBe(bundle.witnessCommitmentHex);
    expect(artefact.inputs?.sequenceNumber).toBe(42n);
  });

  it.each([
    ["version", 2n],
    ["proofType", "snark"],
    ["proofVersion", 3n],
    ["proofHash", "0".repeat(64)],
    ["publicInputsHash", "0".repeat(64)],
    ["witnessCommitment", [1n, 2n, 3n, 4n]],
    ["bundleHash", "0".repeat(64)],
  ] as const)("a changed %s is refused", (key, value) => {
    expect(() => parseComplianceBundle(kernels, { ...bundleJson(), [key]: value })).toThrow(ComplianceInputError);
  });
});

describe("proof artefacts in any form (section 7.2)", () => {
  const proof = fixtureProof("c_default");
  const hex = "2b3b43d9ed4b2b70f5292a7d35d961fcf8ca389984e64e10a197ede140816a83";

  it("raw, base64, proof JSON with numbers or decimal strings", () => {
    const limbs = fixtureText("c_default", "pi").split(",").slice(48);
    const forms = [
      proof,
      bytesOf(encodeBase64(proof)),
      bytesOf(`{"proof_b64":"${encodeBase64(proof)}","witness_commitment":[${limbs.join()}]}`),
      bytesOf(`{"proofB64":"${encodeBase64(proof)}","witnessCommitment":["${limbs.join('","')}"]}`),
      bytesOf(
        `{"proof_bytes":[${[...proof].join()}],"witness_commitment_hex":"${hex}","proof_hash":"${fixtureText("c_default", "hash")}"}`,
      ),
    ];
    for (const [i, form] of forms.entries()) {
      const artefact = readProofArtefact(kernels, form);
      expect(Buffer.from(artefact.proof).equals(Buffer.from(proof))).toBe(true);
      expect(artefact.witnessCommitment).toBe(i < 2 ? null : hex);
    }
  });

  it.each([
    ["another spelling", `{"proof_b64":"AAAA","proofB64":"AAAB"}`],
    ["bytes", `{"proof_b64":"*","proof_bytes":[0]}`],
    ["another commitment", `{"proof_b64":"AAAA","witness_commitment_hex":"${hex}","witness_commitment":[1,2,3,4]}`],
    [
      "another spelling's commitment",
      `{"proof_b64":"AAAA","witnessCommitment":[1,2,3,4],"witness_commitment":[1,2,3,5]}`,
    ],
    ["a commitment that is none", `{"proof_b64":"AAAA","witness_commitment_hex":"\\u001b[2J"}`],
  ])("refuses a proof beside %s", (_, text) => {
    expect(() => readProofArtefact(kernels, bytesOf(text))).toThrow(ComplianceInputError);
  });

  it.each([
    ["bytes that are no UTF-8", Uint8Array.of(...bytesOf('{"proof_b64":"AAAA","x":"'), 0xff, ...bytesOf('"}'))],
    ["a lone surrogate", bytesOf('{"proof_b64":"AAAA","x":"\\ud800"}')],
  ])("refuses a document with %s", (_, bytes) => {
    expect(() => readProofArtefact(kernels, bytes)).toThrow(ComplianceInputError);
  });

  it("leaves to the verifier what is neither JSON nor base64", () => {
    for (const text of ['\ufeff{"proof_b64":"AAAA"}', "AAA", "", " ", "\u00ff"]) {
      const bytes = bytesOf(text);
      expect(readProofArtefact(kernels, bytes).proof).toEqual(text === " " ? new Uint8Array() : bytes);
    }
  });

  it("takes a commitment that is stated twice alike", () => {
    const limbs = fixtureText("c_default", "pi").split(",").slice(48);
    const text = `{"proof_b64":"AAAA","witness_commitment_hex":"0x${hex.toUpperCase()}","witness_commitment":[${limbs.join()}]}`;
    expect(readProofArtefact(kernels, bytesOf(text)).witnessCommitment).toBe(hex);
  });

  it.each(["{}", '{"proof_b64":"*"}', '{"proof_bytes":[256]}', "{", '{"proof_b64":"AAAA","proof_hash":"00"}'])(
    "refuses %s",
    (text) => {
      expect(() => readProofArtefact(kernels, bytesOf(text))).toThrow(ComplianceInputError);
    },
  );
});

describe("batch files (section 7.3)", () => {
  const inputs = batchInputs(fixtureStatement("b8") as ReturnType<typeof batchStatement>);
  const file: BatchFile = {
    proof: fixtureProof("b8"),
    inputs,
    provingTimeMs: 25n,
    traceLength: 1024n,
    proverVersion: "test",
  };

  it("round-trip in both forms, and what is read verifies", () => {
    for (const bytes of [bytesOf(prettyExactJson(batchFileJson(file))), batchFileBytes(file)]) {
      const reread = readBatchFile(bytes);
      expect(reread.inputs).toEqual(inputs);
      expect([reread.provingTimeMs, reread.traceLength, reread.proverVersion]).toEqual([25n, 1024n, "test"]);
      const verdict = verify(kernels, reread.proof, batchStatementOf(reread.inputs), { profiles: ["default"] });
      expect(verdict.valid).toBe(true);
    }
    const binary = batchFileBytes(file);
    expect([binary[0], new DataView(binary.buffer).getUint32(1)]).toEqual([4, file.proof.length]);
  });

  it("the older binary form ends after the public inputs", () => {
    const binary = batchFileBytes(file).slice(0, 5 + file.proof.length + 43 * 8);
    binary[0] = 3;
    expect(readBatchFile(binary).inputs).toEqual(inputs);
  });

  it("inconsistent, cut or extended files are refused", () => {
    const text = prettyExactJson(batchFileJson(file));
    const changes: [string, string][] = [
      ['"version": 4', '"version": 3'],
      ['"num_events": "8"', '"num_events": "9"'],
      ['"all_compliant": true', '"all_compliant": false'],
      ['"proof_size": "61259"', '"proof_size": "61258"'],
      ['"policy_limit": "10000"', '"policy_limit": "10001"'],
      ['"batch_id": "', '"batch_id": "0'],
      ['"prev_state_root"', '"prev_state"'],
    ];
    for (const [from, to] of changes) {
      expect(text).toContain(from);
      expect(() => readBatchFile(bytesOf(text.replace(from, to))), from).toThrow(ComplianceInputError);
    }
    const binary = batchFileBytes(file);
    for (const length of [0, 1, 4, 1000, file.proof.length + 5, binary.length - 1]) {
      expect(() => readBatchFile(binary.slice(0, length))).toThrow(ComplianceInputError);
    }
    expect(() => readBatchFile(Uint8Array.of(...binary, 0))).toThrow(ComplianceInputError);
    binary[1] = 0xff;
    expect(() => readBatchFile(binary)).toThrow(ComplianceInputError);
  });

  it("a chain continues stream, sequence and state root (section 8.9)", () => {
    const next = { ...inputs, previousRoot: inputs.newRoot, sequenceStart: 50n, sequenceEnd: 57n };
    expect(chainFault([inputs, next])).toBeNull();
    expect(chainFault([inputs, { ...next, previousRoot: [1n, 2n, 3n, 4n] }])).toContain("state root");
    expect(chainFault([inputs, { ...next, sequenceStart: 51n }])).toContain("sequence");
    expect(chainFault([inputs, { ...next, tenantId: next.storeId }])).toContain("tenant");
    expect(chainFault([inputs, { ...next, storeId: next.tenantId }])).toContain("store");
  });
});
