import { nativeHex } from "../base/native-hex.js";
import type { EventFields } from "./event-fields.js";

/**
 * The envelope as it is stored and sent: fixed member order, canonical payload text, ids lower case, hashes as `0x` hex,
 * absent members left out. A function of exactly the fields an exact replay compares (ves-protocol §5.1), so two events
 * are an exact replay of each other when these texts are equal. `payloadText` is the canonical JSON of `payload` or the
 * JSON of `payload_encrypted`, each as it was hashed.
 */
export function envelopeJson(event: EventFields, payloadText: string): string {
  const payloadMember = event.payloadKind === 0 ? "payload" : "payload_encrypted";
  let text =
    `{"ves_version":${event.vesVersion},"event_id":"${event.eventId}","tenant_id":"${event.tenantId}",` +
    `"store_id":"${event.storeId}","source_agent_id":"${event.sourceAgentId}","agent_key_id":${event.agentKeyId},` +
    `"entity_type":${JSON.stringify(event.entityType)},"entity_id":${JSON.stringify(event.entityId)},` +
    `"event_type":${JSON.stringify(event.eventType)},"created_at":${JSON.stringify(event.createdAt)},` +
    `"payload_kind":${event.payloadKind},"${payloadMember}":${payloadText},` +
    `"payload_plain_hash":"0x${nativeHex(event.payloadPlainHash)}",` +
    `"payload_cipher_hash":"0x${nativeHex(event.payloadCipherHash)}",` +
    `"agent_signature":"0x${nativeHex(event.agentSignature)}"`;
  if (event.commandId !== null) text += `,"command_id":"${event.commandId}"`;
  if (event.baseVersion !== null) text += `,"base_version":${event.baseVersion}`;
  return `${text}}`;
}
