import fc from "fast-check";
import { expect, test } from "vitest";
import { type Uuid, uuidFromBytes } from "../../../src/base/ids.js";
import { PackWriter } from "../../../src/base/pack.js";
import {
  type CheckedEvent,
  packVerifiedRequest,
  unpackVerifiedRequests,
  type VerifiedRequest,
} from "../../../src/verify/verified-request.js";
import { TEST_SEED } from "../../support/seed.js";

/** What verification decided reaches the lane unchanged, however many requests share a buffer. */

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const uuid: fc.Arbitrary<Uuid> = bytes(16).map(uuidFromBytes);
/** Well-formed text of any script, empty included. */
const text = fc.string({ unit: "binary", maxLength: 40 });
const u32 = fc.nat(0xffff_ffff);
const u64 = fc.bigInt(0n, 0xffff_ffff_ffff_ffffn).map(String);
const envelope = fc.uint8Array({ maxLength: 300 });

const verified = fc.record({
  stage: fc.constant("verified" as const),
  eventId: bytes(16),
  agentKeyId: u32,
  entityType: text,
  entityId: text,
  eventType: text,
  commandId: fc.option(bytes(16)),
  baseVersion: fc.option(u64),
  signingHash: bytes(32),
  agentSignature: bytes(64),
  envelope,
});
const rejection = { eventId: bytes(16), reason: text, message: text };
const unproven = fc.record({ stage: fc.constant("unproven" as const), envelope, ...rejection });
const refused = fc.record({ stage: fc.constant("refused" as const), repeated: fc.boolean(), ...rejection });
const events: fc.Arbitrary<CheckedEvent[]> = fc.array(fc.oneof(verified, unproven, refused), { maxLength: 12 });

const requests: fc.Arbitrary<VerifiedRequest[]> = fc.array(
  fc.record({ requestId: u32, batchId: uuid, tenantId: uuid, storeId: uuid, agentId: uuid, keyEpoch: u32, events }),
  { maxLength: 6 },
);

test("packing and unpacking is the identity", () => {
  fc.assert(
    fc.property(requests, fc.nat(64), (given, initialBytes) => {
      const writer = new PackWriter(initialBytes);
      for (const request of given) packVerifiedRequest(writer, request);
      const packed = writer.take();
      expect(plain(unpackVerifiedRequests(packed))).toEqual(plain(given));
      // What crosses threads owns its buffer from the first byte.
      expect(packed.byteOffset).toBe(0);
      const moved = structuredClone(packed, { transfer: [packed.buffer] });
      expect(plain(unpackVerifiedRequests(moved))).toEqual(plain(given));
    }),
    { seed: TEST_SEED, numRuns: 300 },
  );
});

/** Buffers and arrays of bytes are the same here. */
function plain(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_, member: unknown) => {
      if (member instanceof Uint8Array) return Buffer.from(member).toString("hex");
      const isBuffer = typeof member === "object" && member !== null && "type" in member && member.type === "Buffer";
      return isBuffer ? Buffer.from((member as unknown as { data: number[] }).data).toString("hex") : member;
    }),
  );
}
