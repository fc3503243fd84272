/**
 * The stage between verification and the lane. Only the verify workers make these, so whoever holds a `VerifiedEvent`
 * knows that its hashes and its agent signature hold. They cross threads packed, many requests in one buffer.
 */
import type { Uuid } from "../base/ids.js";
import { PackReader, type PackWriter } from "../base/pack.js";

/** Why one event of a request was not taken (ves-protocol §4.4, §6). `reason` is compared by the part before `:`. */
export interface Rejection {
  readonly reason: string;
  readonly message: string;
}

export interface VerifiedEvent {
  readonly stage: "verified";
  readonly eventId: Uint8Array;
  readonly agentKeyId: number;
  readonly entityType: string;
  readonly entityId: string;
  readonly eventType: string;
  readonly commandId: Uint8Array | null;
  /** Decimal text: the client may send any u64. */
  readonly baseVersion: string | null;
  readonly signingHash: Uint8Array;
  readonly agentSignature: Uint8Array;
  /** Canonical JSON text of the envelope, UTF-8: what is stored and sent. Equal bytes = an exact replay. */
  readonly envelope: Uint8Array;
}

/**
 * A well-formed event whose key cannot be used now. Its signature was not checked: it may only be answered as an exact
 * replay of a stored event, else with its rejection.
 */
export interface UnprovenEvent extends Rejection {
  readonly stage: "unproven";
  readonly eventId: Uint8Array;
  readonly envelope: Uint8Array;
}

export interface RefusedEvent extends Rejection {
  readonly stage: "refused";
  readonly eventId: Uint8Array;
  /** Repeats an event id of the same request: reported before the other rejections (ves-protocol §6). */
  readonly repeated: boolean;
}

export type CheckedEvent = VerifiedEvent | UnprovenEvent | RefusedEvent;

export interface VerifiedRequest {
  readonly requestId: number;
  readonly batchId: Uuid;
  readonly tenantId: Uuid;
  readonly storeId: Uuid;
  readonly agentId: Uuid;
  /** Revocation epoch the keys were read in; the lane looks again if it has moved since. */
  readonly keyEpoch: number;
  readonly events: readonly CheckedEvent[];
}

const VERIFIED = 1;
const UNPROVEN = 2;
const REFUSED = 3;
const REPEATED = 4;

export function packVerifiedRequest(writer: PackWriter, request: VerifiedRequest): void {
  writer
    .u32(request.requestId)
    .text(request.batchId)
    .text(request.tenantId)
    .text(request.storeId)
    .text(request.agentId);
  writer.u32(request.keyEpoch).u32(request.events.length);
  for (const event of request.events) packEvent(writer, event);
}

export function unpackVerifiedRequests(packed: Uint8Array): VerifiedRequest[] {
  const reader = new PackReader(packed);
  const requests: VerifiedRequest[] = [];
  while (!reader.done) {
    requests.push({
      requestId: reader.u32(),
      batchId: reader.text() as Uuid,
      tenantId: reader.text() as Uuid,
      storeId: reader.text() as Uuid,
      agentId: reader.text() as Uuid,
      keyEpoch: reader.u32(),
      events: Array.from({ length: reader.u32() }, () => unpackEvent(reader)),
    });
  }
  return requests;
}

function packEvent(writer: PackWriter, event: CheckedEvent): void {
  if (event.stage === "verified") {
    writer.u8(VERIFIED).raw(event.eventId).u32(event.agentKeyId);
    writer.text(event.entityType).text(event.entityId).text(event.eventType);
    writer.bytes(event.commandId ?? NONE).text(event.baseVersion ?? "");
    writer.raw(event.signingHash).raw(event.agentSignature).bytes(event.envelope);
  } else if (event.stage === "unproven") {
    writer.u8(UNPROVEN).raw(event.eventId).bytes(event.envelope).text(event.reason).text(event.message);
  } else {
    writer
      .u8(event.repeated ? REPEATED : REFUSED)
      .raw(event.eventId)
      .text(event.reason)
      .text(event.message);
  }
}

const NONE = new Uint8Array(0);

function unpackEvent(reader: PackReader): CheckedEvent {
  const tag = reader.u8();
  const eventId = reader.raw(16);
  if (tag === UNPROVEN) {
    return { stage: "unproven", eventId, envelope: reader.bytes(), reason: reader.text(), message: reader.text() };
  }
  if (tag !== VERIFIED) {
    return { stage: "refused", eventId, repeated: tag === REPEATED, reason: reader.text(), message: reader.text() };
  }
  return {
    stage: "verified",
    eventId,
    agentKeyId: reader.u32(),
    entityType: reader.text(),
    entityId: reader.text(),
    eventType: reader.text(),
    commandId: emptyAsNull(reader.bytes()),
    baseVersion: reader.text() || null,
    signingHash: reader.raw(32),
    agentSignature: reader.raw(64),
    envelope: reader.bytes(),
  };
}

function emptyAsNull(bytes: Uint8Array): Uint8Array | null {
  return bytes.length === 0 ? null : bytes;
}
