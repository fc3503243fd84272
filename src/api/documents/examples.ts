/**
 * Known answers: an agent's registration and an event it signed, with the key of RFC 8032, 7.1, test 1
 * (seed 9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60). A service takes both as they are.
 */
import type { Json } from "./schema-parts.js";

const TENANT_ID = "00000000-0000-0000-0000-000000000001";
const AGENT_ID = "22222222-2222-2222-2222-222222222222";
const KEY_ID = 1;

export const REGISTRATION_EXAMPLE: Json = {
  tenantId: TENANT_ID,
  agentId: AGENT_ID,
  keyId: KEY_ID,
  publicKey: "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
  proofOfPossession:
    "c7721d0ec2c1894004bb1135887d3b1b0e85f0360205bbc8c41de29d83b50d351de9e888b82fb7ed3a7429d02d94d7d0081d6ef0d8d4157499f98c9091a4490e",
};

export const ENVELOPE_EXAMPLE: Json = {
  ves_version: 1,
  event_id: "11111111-1111-1111-1111-111111111111",
  tenant_id: TENANT_ID,
  store_id: "00000000-0000-0000-0000-000000000002",
  source_agent_id: AGENT_ID,
  agent_key_id: KEY_ID,
  entity_type: "InventoryItem",
  entity_id: "WIDGET-001",
  event_type: "Adjusted",
  created_at: "2025-01-01T00:00:00Z",
  payload_kind: 0,
  payload: { delta: 100, reason: "test" },
  payload_plain_hash: "0x815ab060b3f26dacf429ce062f8befb81f52938e692010255f86d12c3e4c2cda",
  payload_cipher_hash: `0x${"0".repeat(64)}`,
  agent_signature:
    "0xa0478a20df91042a3a3cf4388553875e6ef488aaae9726cffb9968e352cbd1214fd6b13d77b19fd29b4584743984aa96a90183a41f89e09ddfbfbcc837f9b00a",
};
