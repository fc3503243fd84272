/**
 * The last step of verification: the signatures of many requests, checked together. Only here does a signed event become a
 * `VerifiedEvent`, so that none is taken for verified before there is a verdict on its signature.
 */
import { assert } from "../base/assert.js";
import { uuidToBytes } from "../base/ids.js";
import type { Ed25519, SignatureCheck } from "../protocol/ed25519.js";
import type { EventFields } from "./event-fields.js";
import type { CheckedEvent, RefusedEvent, UnprovenEvent, VerifiedEvent, VerifiedRequest } from "./verified-request.js";

/** An event of which everything holds but the signature, which nobody has checked yet: of `message`, its signing hash. */
export interface SignedEvent extends SignatureCheck {
  readonly stage: "signed";
  readonly eventId: Uint8Array;
  readonly fields: EventFields;
  /** See `VerifiedEvent.envelope`. */
  readonly envelope: Uint8Array;
}

/** A request that was read, judged and hashed. */
export interface JudgedRequest extends Omit<VerifiedRequest, "events"> {
  readonly events: readonly (SignedEvent | UnprovenEvent | RefusedEvent)[];
}

/** The requests in their order, their events in theirs: in the place of a signed event stands a verified or a refused one. */
export function checkSignatures(requests: readonly JudgedRequest[], ed25519: Ed25519): VerifiedRequest[] {
  const signed: SignedEvent[] = [];
  for (const { events } of requests) for (const event of events) if (event.stage === "signed") signed.push(event);
  const verdicts = ed25519.verifyAll(signed);
  assert(verdicts.length === signed.length, "every signature has a verdict");
  let checked = 0;
  return requests.map((request) => {
    const events: CheckedEvent[] = [];
    for (const event of request.events) {
      if (event.stage !== "signed") events.push(event);
      else events.push(verdicts[checked++] ? verified(event) : forged(event));
    }
    return { ...request, events };
  });
}

function verified({ eventId, fields, message, signature, envelope }: SignedEvent): VerifiedEvent {
  return {
    stage: "verified",
    eventId,
    agentKeyId: fields.agentKeyId,
    entityType: fields.entityType,
    entityId: fields.entityId,
    eventType: fields.eventType,
    commandId: fields.commandId === null ? null : uuidToBytes(fields.commandId),
    baseVersion: fields.baseVersion,
    signingHash: message,
    agentSignature: signature,
    envelope,
  };
}

function forged({ eventId }: SignedEvent): RefusedEvent {
  const message = "Agent signature verification failed: VerificationFailed";
  return { stage: "refused", eventId, repeated: false, reason: "invalid_signature", message };
}
