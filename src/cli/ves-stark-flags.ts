/** Flags that several `ves-stark` commands have: what they are called, what they accept, and what they mean. */
import { type Command, Option } from "commander";
import { isPolicyId, type Policy, parsePolicy, policyParams } from "../stark/policy.js";
import type { ProofProfile } from "../stark/v2/options.js";
import type { Acceptance } from "../stark/verify.js";
import { UsageError } from "./usage-error.js";

export interface JsonFlag {
  readonly json?: boolean;
}

export interface PolicyFlags {
  readonly limit: bigint;
  readonly policy: string;
  readonly intentHash?: string;
}

const AMOUNT_POLICIES = "aml.threshold (amount < limit) or order_total.cap (amount <= limit)";
const ALL_POLICIES = "aml.threshold (amount < limit), order_total.cap (amount <= limit) or agent.authorization.v1";

export const DEFAULT_POLICY = "aml.threshold";

export function addJson(command: Command, description = "machine-readable output"): Command {
  return command.option("--json", description);
}

/** `--limit` and what it is the limit of; `PolicyFlags`, all absent where the limit is not required. */
export function addPolicy(command: Command, limit: "required" | "optional" = "required"): Command {
  const given = "limit, threshold, cap or maximum total";
  const withLimit =
    limit === "required"
      ? command.requiredOption("-l, --limit <integer>", given, parseAmount)
      : command.option("-l, --limit <integer>", `${given} the proof must be about`, parseAmount);
  const policy =
    limit === "required"
      ? withLimit.option("-p, --policy <id>", ALL_POLICIES, DEFAULT_POLICY)
      : withLimit.option("-p, --policy <id>", `${ALL_POLICIES}, with --limit (default: "${DEFAULT_POLICY}")`);
  return policy.option("--intent-hash <hex>", "intent hash, for agent.authorization.v1");
}

/** For batches, which have no agent policies. */
export function addAmountPolicy(command: Command): Command {
  return command
    .requiredOption("-l, --limit <integer>", "threshold or cap", parseAmount)
    .option("-p, --policy <id>", AMOUNT_POLICIES, DEFAULT_POLICY);
}

export function addProfile(command: Command, defaultBits: string): Command {
  return command.option("--profile <name>", `secure or default (about ${defaultBits} bits)`, profileOfFlag, "secure");
}

export function addAcceptDefault(command: Command, defaultBits: string): Command {
  return command.option("--accept-default", `also accept the default profile (about ${defaultBits} bits)`);
}

export function addProofFile(command: Command, forms: string): Command {
  return command.requiredOption("-f, --proof <file>", `${forms}; - for standard input`);
}

/** An amount of 10000 unless given. The help shows the text: commander cannot print a bigint. */
export function amountOption(flags: string, description: string): Option {
  return new Option(flags, description).argParser(parseAmount).default(10_000n, "10000");
}

export function policyOfFlags({ policy, limit, intentHash }: PolicyFlags): Policy {
  if (!isPolicyId(policy) || policy === "agent.budget.v1") {
    throw new UsageError("--policy must be aml.threshold, order_total.cap or agent.authorization.v1");
  }
  return parsePolicy(policy, policyParams({ policyId: policy, limit, intentHash: intentHash ?? null }));
}

export function acceptanceOf(isDefaultAccepted: boolean | undefined): Acceptance {
  return { profiles: isDefaultAccepted === true ? ["secure", "default"] : ["secure"] };
}

/** A u64 written in decimal digits. */
export function parseAmount(text: string): bigint {
  if (!/^\d{1,20}$/.test(text)) throw new UsageError(`not an unsigned integer: ${text.slice(0, 40)}`);
  return BigInt(text);
}

/** A count from 1 to `max`. */
export function parseCount(max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d{1,15}$/.test(text) || value < 1 || value > max)
      throw new UsageError(`not a count from 1 to ${max}: ${text}`);
    return value;
  };
}

function profileOfFlag(text: string): ProofProfile {
  if (text !== "secure" && text !== "default") throw new UsageError("--profile must be secure or default");
  return text;
}
