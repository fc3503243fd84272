import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { bindInputs, makeAmountBinding, parseAmountBinding } from "../../../src/stark/amount-binding.js";
import { ComplianceInputError } from "../../../src/stark/compliance-input-error.js";
import {
  boundInputsHash,
  complianceInputsJson,
  complianceStatement,
  inputElements,
  inputsHash,
  parseComplianceInputs,
} from "../../../src/stark/compliance-inputs.js";
import { complianceProofHash } from "../../../src/stark/digest.js";
import {
  canonicalExactJson,
  ExactJsonError,
  type ExactJsonObject,
  isExactJsonObject,
  parseExactJson,
} from "../../../src/stark/exact-json.js";
import { effectiveLimit, parsePolicy, policyHashHex } from "../../../src/stark/policy.js";
import { verifyCompliance } from "../../../src/stark/verify-compliance.js";
import { commitAmount, commitmentFromHex, commitmentToHex } from "../../../src/stark/witness-commitment.js";
import {
  ACCEPT_ALL,
  COMPLIANCE_FIXTURES,
  fixtureProof,
  fixtureStatement,
  fixtureText,
  newKernels,
} from "./fixtures.js";

const kernels = newKernels();

function objectOf(text: string): ExactJsonObject {
  const json = parseExactJson(text);
  if (!isExactJsonObject(json)) throw new Error("not an object");
  return json;
}

function boundJson(name: string): ExactJsonObject {
  return objectOf(fixtureText(name, "bound"));
}

describe.each(COMPLIANCE_FIXTURES)("public inputs of %s", (name) => {
  const inputs = parseComplianceInputs(boundJson(name));

  it("print, hash and convert as the original's", () => {
    expect(canonicalExactJson(complianceInputsJson(inputs))).toBe(fixtureText(name, "bound"));
    const { witnessCommitment: _, ...canonical } = complianceInputsJson(inputs);
    expect(canonicalExactJson(canonical)).toBe(fixtureText(name, "canon"));
    expect(inputsHash(inputs)).toBe(fixtureText(name, "canonhash"));
    expect(boundInputsHash(inputs)).toBe(fixtureText(name, "boundhash"));
    expect(complianceProofHash(fixtureProof(name))).toBe(fixtureText(name, "hash"));
    expect(inputElements(inputs).slice(0, 4)).toEqual([1732591122n, 3541212136n, 1715623588n, 4200212n]);
    expect(complianceStatement(inputs, null)).toEqual(fixtureStatement(name));
  });

  it("verify through the public-input door", () => {
    const check = { proof: fixtureProof(name), inputs, policy: null, witnessCommitment: null, acceptance: ACCEPT_ALL };
    expect(verifyCompliance(kernels, { ...check, amountBinding: null })).toMatchObject({
      valid: true,
      amountLink: "witness-only",
    });
    const amount = { c_default: 5000n, c_fast: 9999n, c_secure: 10_000n }[name];
    const amountBinding = makeAmountBinding(inputs, amount);
    expect(amountBinding.bindingHash).toBe(inputs.amountBindingHash);
    expect(verifyCompliance(kernels, { ...check, amountBinding })).toMatchObject({
      valid: true,
      amountLink: "payload-amount",
    });
    expect(() => bindInputs(kernels, inputs, makeAmountBinding(inputs, amount - 1n))).toThrow(ComplianceInputError);
    expect(() => bindInputs(kernels, { ...inputs, sequenceNumber: 43n }, amountBinding)).toThrow("sequenceNumber");
    const forged = { ...amountBinding, amount: amount - 1n };
    expect(() => bindInputs(kernels, inputs, forged)).toThrow("bindingHash");
    expect(() => parseAmountBinding({ ...forged })).toThrow("bindingHash");
    expect(parseAmountBinding({ ...amountBinding })).toEqual(amountBinding);
  });

  it("refuse what disagrees with them", () => {
    const otherPolicy = parsePolicy("order_total.cap", { cap: 9_999n });
    const check = { proof: fixtureProof(name), inputs, witnessCommitment: null, amountBinding: null };
    expect(() => verifyCompliance(kernels, { ...check, policy: otherPolicy })).toThrow("policy differs");
    expect(() => complianceStatement({ ...inputs, policyHash: "0".repeat(64) }, null)).toThrow("policyHash");
    expect(() => complianceStatement(inputs, "0".repeat(64))).toThrow("witnessCommitment");
    expect(() => complianceStatement({ ...inputs, witnessCommitment: null }, null)).toThrow("required");
    const aboveField = `${"f".repeat(16)}${"0".repeat(48)}`;
    expect(() => complianceStatement({ ...inputs, witnessCommitment: aboveField }, null)).toThrow("canonical");
  });
});

describe("policies (section 6.4)", () => {
  it("hash as the original's", () => {
    const threshold = policyHashHex("aml.threshold", { threshold: 10_000n });
    expect(threshold).toBe("04aa19afe6730e638a8924acdd9040f68f9a70487b988b5984dc031adde95be5");
    const cap = policyHashHex("order_total.cap", { cap: 10_000n });
    expect(cap).toBe("f7ea21310eff86f65a1be0173521c32849e153af13636a4b4226e4e5b39d53cd");
  });

  it("a threshold is exclusive, a cap inclusive", () => {
    expect(effectiveLimit(parsePolicy("aml.threshold", { threshold: 10_000n }))).toBe(9_999n);
    expect(effectiveLimit(parsePolicy("aml.threshold", { threshold: 1n }))).toBe(0n);
    expect(effectiveLimit(parsePolicy("order_total.cap", { cap: 10_000n }))).toBe(10_000n);
    expect(effectiveLimit(parsePolicy("agent.budget.v1", { budgetLimit: 7n, note: "x" }))).toBe(7n);
    expect(() => effectiveLimit(parsePolicy("aml.threshold", { threshold: 0n }))).toThrow("threshold");
  });

  it("intent hashes are normalised", () => {
    const intentHash = `  0x${"AB".repeat(32)} `;
    const policy = parsePolicy("agent.authorization.v1", { maxTotal: 5n, intentHash });
    expect(policy.intentHash).toBe("ab".repeat(32));
    expect(() => parsePolicy("agent.authorization.v1", { maxTotal: 5n })).toThrow("intentHash");
  });

  it.each([
    ["a float", "10000.0"],
    ["a string", '"10000"'],
    ["negative", "-1"],
    ["above 2^53-1, where the two originals hash differently", "9007199254740992"],
  ])("refuse %s", (_what, literal) => {
    const params = objectOf(`{"threshold":${literal}}`);
    expect(() => parsePolicy("aml.threshold", params)).toThrow(ComplianceInputError);
  });

  it("refuse an unknown policy", () => {
    expect(() => parsePolicy("toString", {})).toThrow("unknown policy");
  });
});

describe("public inputs are refused by field", () => {
  const good = boundJson("c_secure");
  it.each([
    ["eventId", "not-a-uuid"],
    ["sequenceNumber", 2n ** 53n],
    ["sequenceNumber", "42"],
    ["payloadKind", 2n ** 32n],
    ["payloadPlainHash", "A1".repeat(32)],
    ["policyHash", "a1".repeat(31)],
    ["policyParams", []],
    ["witnessCommitment", "zz"],
    ["amountBindingHash", 1n],
  ] as const)("%s = %s", (field, value) => {
    expect(() => parseComplianceInputs({ ...good, [field]: value })).toThrow(field);
  });

  it("unknown fields are ignored and ids canonicalised", () => {
    const loud = { ...good, eventId: String(good.eventId).toUpperCase(), extra: null };
    expect(parseComplianceInputs(loud)).toEqual(parseComplianceInputs(good));
  });
});

describe("lossless JSON", () => {
  it("keeps every u64 and round-trips", () => {
    const text = '{"a":[18446744073709551615,-3,1.5,1e3],"b":{"c":"\\u00e9\\n","d":null,"e":true}}';
    expect(canonicalExactJson(parseExactJson(text))).toBe(
      '{"a":[18446744073709551615,-3,1.5,1000],"b":{"c":"é\\n","d":null,"e":true}}',
    );
  });

  it.each(['{"a":1,"a":2}', "01", "[1,]", '{"a"}', "nul", '"\u0001"', "1 2", "", "[".repeat(100), "1e999"])(
    "refuses %j",
    (text) => {
      expect(() => parseExactJson(text)).toThrow(ExactJsonError);
    },
  );

  it("strings of any length and every escape", () => {
    const long = "A".repeat(20_000_000);
    expect(parseExactJson(`"${long}"`)).toHaveLength(long.length);
    expect(parseExactJson('"\\"\\\\\\/\\u0041\\ud83d\\ude00"')).toBe('"\\/A\u{1f600}');
    for (const bad of ['"\\x"', '"\\u12"', '"open', '"\\"']) expect(() => parseExactJson(bad)).toThrow(ExactJsonError);
  });

  it("a key named __proto__ is a key", () => {
    const parsed = objectOf('{"__proto__":{"threshold":1}}');
    expect(parsed.threshold).toBeUndefined();
    expect(canonicalExactJson(parsed)).toBe('{"__proto__":{"threshold":1}}');
  });
});

describe("witness commitments (sections 4.4, 4.5)", () => {
  it.each([
    [0n, 14983087722179734064n],
    [1n, 13997930800174350796n],
    [5000n, 3115158170524920688n],
    [10_000n, 1556401636794801102n],
    [12_500n, 15652920881334172560n],
  ])("%s", (amount, first) => {
    const rest = [17665697730600198652n, 17927203498712518160n, 11644036913295354499n];
    expect(commitAmount(kernels, amount)).toEqual([first, ...rest]);
  });

  it("of 2^64-1, and the hex form", () => {
    expect(commitAmount(kernels, 2n ** 64n - 1n).slice(0, 2)).toEqual([11157896937252336355n, 461772005229596061n]);
    const hex = "2b3b43d9ed4b2b70f5292a7d35d961fcf8ca389984e64e10a197ede140816a83";
    expect(commitmentToHex(commitAmount(kernels, 5000n))).toBe(hex);
    expect(commitmentFromHex(`0x${hex}`)).toEqual(commitAmount(kernels, 5000n));
    expect(commitmentFromHex("f".repeat(64))).toBeNull();
  });

  it("finding F2: the amount can be read back lane by lane", () => {
    const lanes = new Map(
      Array.from({ length: 1000 }, (_, amount) => [commitAmount(kernels, BigInt(4500 + amount))[0], 4500 + amount]),
    );
    expect(lanes.size).toBe(1000);
    expect(lanes.get(3115158170524920688n)).toBe(5000);
    // Lane 0 depends on the low limb only and lane 1 on the high limb only, so 2^64 amounts fall to two small tables.
    const mixed = commitAmount(kernels, (7n << 32n) | 5000n);
    expect(mixed[0]).toBe(commitAmount(kernels, 5000n)[0]);
    expect(mixed[1]).toBe(commitAmount(kernels, 7n << 32n)[1]);
  });
});

it("artefact digests are plain SHA-256 behind their domain", () => {
  const bytes = Buffer.concat([Buffer.from("STATESET_VES_COMPLIANCE_PROOF_HASH_V1"), fixtureProof("c_default")]);
  expect(complianceProofHash(fixtureProof("c_default"))).toBe(createHash("sha256").update(bytes).digest("hex"));
});
