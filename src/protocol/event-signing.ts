import { ByteWriter } from "./byte-writer.js";
import { DOMAIN_EVENTSIG } from "./domains.js";
import type { PayloadKind } from "./envelope.js";
import { type AadFields, writeAadFields } from "./payload-hash.js";
import { sha256 } from "./sha256.js";

/**
 * The message an agent signs (spec §3.1). Not covered, and so changeable by whoever relays the event: command_id,
 * base_version, and the algorithm names inside payload_encrypted.
 */
export interface SigningFields extends AadFields {
  readonly vesVersion: number;
  readonly payloadKind: PayloadKind;
  /** 32 bytes. */
  readonly payloadPlainHash: Uint8Array;
  /** 32 bytes, zero for kind 0. */
  readonly payloadCipherHash: Uint8Array;
}

const writer = new ByteWriter();

/** `event_signing_hash`, 32 bytes: the Ed25519 message is this digest itself. */
export function eventSigningHash(fields: SigningFields): Uint8Array {
  writeAadFields(writer.reset().ascii(DOMAIN_EVENTSIG).u32(fields.vesVersion), fields)
    .u32(fields.payloadKind)
    .bytes(fields.payloadPlainHash)
    .bytes(fields.payloadCipherHash);
  return sha256(writer.view());
}
