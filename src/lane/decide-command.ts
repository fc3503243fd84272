/** Decisions on who may do what. Registrations are immutable; revocations are idempotent and take effect in log order. */
import { AGENT_KEY_ID_MAX } from "../protocol/envelope.js";
import { agentKey, agentKeyKey } from "../store/chunk-key.js";
import type { AgentKey, ApiKey } from "../store/contract.js";
import { checkKey } from "../verify/check-event.js";
import { type Chunk, isApiKeyRevoked, REVOKED_API_KEY } from "./chunk.js";
import { decideCommitment } from "./decide-commitment.js";
import { decideProof } from "./decide-proof.js";
import type { CommandRefusal, CommandResult, LaneCommand } from "./lane-item.js";

export function decideCommand(chunk: Chunk, command: LaneCommand): void {
  const decided = decide(chunk, command);
  const { requestId } = command;
  chunk.answers.push("code" in decided ? { requestId, ok: false, ...decided } : { requestId, ok: true, body: decided });
}

function decide(chunk: Chunk, command: LaneCommand): CommandResult | CommandRefusal {
  if ("by" in command && isApiKeyRevoked(chunk, command.by)) return REVOKED_API_KEY;
  switch (command.kind) {
    case "register_agent_key":
      return registerAgentKey(chunk, command);
    case "revoke_agent_key":
      return revokeAgentKey(chunk, command);
    case "create_api_key":
      return createApiKey(chunk, command);
    case "revoke_api_key":
      return revokeApiKey(chunk, command);
    case "commit_range":
      return decideCommitment(chunk, command);
    case "submit_compliance_proof":
    case "submit_validity_proof":
      return decideProof(chunk, command);
  }
}

type Command<K extends LaneCommand["kind"]> = Extract<LaneCommand, { kind: K }>;

function registerAgentKey(chunk: Chunk, command: Command<"register_agent_key">): CommandResult | CommandRefusal {
  const { state, writes, context } = chunk;
  const { voucher } = command;
  const unusable = voucher === null ? null : checkKey(state.agentKeys.get(agentKeyKey(voucher)) ?? null, context.nowMs);
  if (unusable !== null) return { code: "AGENT_KEY_NOT_FOUND", message: `signingKeyId: ${unusable.message}` };
  const agent = agentKey(command.key);
  const keyId = command.key.keyId ?? (state.highestKeyIds.get(agent) ?? 0) + 1;
  if (keyId > AGENT_KEY_ID_MAX) {
    return {
      code: "INVALID_FIELD_VALUE",
      message: `agent ${command.key.agentId} has used the highest key id: name one`,
    };
  }
  const key: AgentKey = { ...command.key, keyId, createdAtMs: context.nowMs, revokedAtMs: null, revokeReason: null };
  const name = agentKeyKey(key);
  if (state.agentKeys.has(name)) {
    return { code: "ALREADY_EXISTS", message: `key ${keyId} of agent ${key.agentId} is already registered` };
  }
  state.agentKeys.set(name, key);
  state.highestKeyIds.set(agent, Math.max(keyId, state.highestKeyIds.get(agent) ?? 0));
  writes.agentKeys.push(key);
  return key;
}

function revokeAgentKey(chunk: Chunk, command: Command<"revoke_agent_key">): CommandResult | CommandRefusal {
  const { state, writes, context } = chunk;
  const { ref, reason } = command;
  const key = state.agentKeys.get(agentKeyKey(ref));
  if (key === undefined) {
    return { code: "AGENT_KEY_NOT_FOUND", message: `agent ${ref.agentId} has no key ${ref.keyId}` };
  }
  const { revokedAtMs } = key;
  if (revokedAtMs !== null) return { ...key, revokedAtMs, wasRevokedBefore: true };
  const revoked = { ...key, revokedAtMs: context.nowMs, revokeReason: reason };
  state.agentKeys.set(agentKeyKey(ref), revoked);
  writes.agentKeyRevocations.push({ ref, revokedAtMs: context.nowMs, reason });
  return { ...revoked, wasRevokedBefore: false };
}

function createApiKey(chunk: Chunk, command: Command<"create_api_key">): CommandResult | CommandRefusal {
  const { state, writes, context } = chunk;
  const { keyHash } = command.key;
  if (state.apiKeys.has(keyHash)) return { code: "ALREADY_EXISTS", message: "this API key already exists" };
  const key: ApiKey = { ...command.key, createdAtMs: context.nowMs, revokedAtMs: null };
  state.apiKeys.set(keyHash, key);
  writes.apiKeys.push(key);
  return key;
}

function revokeApiKey(chunk: Chunk, command: Command<"revoke_api_key">): CommandResult | CommandRefusal {
  const { state, writes, context } = chunk;
  const key = state.apiKeys.get(command.keyHash);
  if (key === undefined) return { code: "RESOURCE_NOT_FOUND", message: "no such API key" };
  if (key.revokedAtMs !== null) return key;
  const revoked: ApiKey = { ...key, revokedAtMs: context.nowMs };
  state.apiKeys.set(command.keyHash, revoked);
  writes.apiKeyRevocations.push({ keyHash: command.keyHash, revokedAtMs: context.nowMs });
  return revoked;
}
