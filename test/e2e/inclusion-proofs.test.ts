/** Inclusion proofs of committed events against a real service, checked with code that shares none with it. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fromHex } from "../../src/base/bytes.js";
import { signingFieldsOf } from "../../src/protocol/agent-event.js";
import { readCommitment } from "../../src/protocol/commitment.js";
import { eventSigningHash } from "../../src/protocol/event-signing.js";
import { verifyEventInclusion } from "../../src/protocol/merkle-proof.js";
import { streamLeaves, streamQuery } from "../support/commitment-check.js";
import { agentWith, BY_REQUEST_ONLY, commit } from "../support/commitment-maker.js";
import { climb } from "../support/merkle-model.js";
import { startService, type TestService, uuid } from "../support/service.js";

describe("inclusion proofs", () => {
  let service: TestService;

  beforeAll(async () => {
    service = await startService(BY_REQUEST_ONLY);
  });
  afterAll(() => service[Symbol.asyncDispose]());

  it("are of every committed event, by number and by id, and of nothing else", async () => {
    const agent = await agentWith(service, 21);
    await commit(service, agent, 1, 8);
    const made = await commit(service, agent, 9, 21);
    const leaves = await streamLeaves(service, agent);
    const { events } = (await service.get(`/api/v1/ves/events?${streamQuery(agent)}`)).json;
    for (let sequence = 9; sequence <= 21; sequence++) {
      const proof = (await service.get(`/api/v1/ves/proofs/${sequence}?${streamQuery(agent)}`)).json;
      expect(Object.keys(proof)).toEqual([
        ...["sequence_number", "batch_id", "merkle_root", "leaf_hash", "leaf_index", "proof_path", "directions"],
      ]);
      expect(proof).toMatchObject({
        sequence_number: sequence,
        batch_id: made.json.batch_id,
        leaf_index: sequence - 9,
      });
      expect(proof.leaf_hash).toBe(leaves[sequence - 1]!.toString("hex"));
      expect(proof.proof_path).toHaveLength(4);
      const path = proof.proof_path.map((hash: string) => Buffer.from(hash, "hex"));
      expect(climb(leaves[sequence - 1]!, proof.leaf_index, path).toString("hex")).toBe(made.json.merkle_root);
      expect(proof.directions).toEqual([0, 1, 2, 3].map((level) => ((sequence - 9) >> level) % 2 === 0));

      const named = await service.get(
        `/api/v1/ves/proofs/${sequence}?${streamQuery(agent)}&batch_id=${made.json.batch_id}`,
      );
      expect(named.json).toEqual(proof);
      const { event } = events[sequence - 1];
      const byId = (await service.get(`/api/v1/ves/inclusion-proofs/${event.event_id}`)).json;
      expect(byId).toEqual({ event_id: event.event_id, ...proof, commitment: made.json });
      // Offline: the event as its reader has it, the path, the commitment.
      const place = { tenantId: agent.tenantId, storeId: agent.storeId, sequenceNumber: sequence };
      const agentSignature = fromHex(event.agent_signature, 64)!;
      const leaf = { ...place, eventSigningHash: eventSigningHash(signingFieldsOf(event)!), agentSignature };
      expect(verifyEventInclusion(leaf, path, readCommitment(byId.commitment)!)).toBe(true);
      expect(
        verifyEventInclusion({ ...leaf, sequenceNumber: sequence - 1 }, path, readCommitment(byId.commitment)!),
      ).toBe(false);
    }
  });

  it("of what no commitment covers are refused", async () => {
    const agent = await agentWith(service, 4);
    const made = await commit(service, agent, 1, 2);
    const pending = await agent.ingest([agent.sign()]);
    const proof = (path: string) => service.get(`/api/v1/ves/proofs/${path}`);
    const outside = await proof(`3?${streamQuery(agent)}&batch_id=${made.json.batch_id}`);
    expect([outside.status, outside.json.code]).toEqual([400, "INVALID_FIELD_VALUE"]);
    for (const path of [
      `3?${streamQuery(agent)}`,
      `99?${streamQuery(agent)}`,
      `1?${streamQuery(agent)}&batch_id=${uuid()}`,
    ]) {
      const refused = await proof(path);
      expect([refused.status, refused.json.code]).toEqual([404, "BATCH_NOT_FOUND"]);
    }
    for (const bad of ["0", "-1", "1.5", "x", "18446744073709551616"]) {
      expect((await proof(`${bad}?${streamQuery(agent)}`)).json.code).toBe("INVALID_FIELD_VALUE");
    }
    const eventId = pending.json.receipts[0].eventId;
    const waiting = await service.get(`/api/v1/ves/inclusion-proofs/${eventId}`);
    expect([waiting.status, waiting.json.code]).toEqual([404, "BATCH_NOT_FOUND"]);
    const unknown = await service.get(`/api/v1/ves/inclusion-proofs/${uuid()}`);
    expect([unknown.status, unknown.json.code]).toEqual([404, "EVENT_NOT_FOUND"]);
    // The number it did not prove yet is proven as soon as it is committed.
    await commit(service, agent, 3, 5);
    expect((await proof(`3?${streamQuery(agent)}`)).status).toBe(200);
    expect((await service.get(`/api/v1/ves/inclusion-proofs/${eventId}`)).json.sequence_number).toBe(5);
  });

  it("are checked by anyone who may read", async () => {
    const agent = await agentWith(service, 5);
    await commit(service, agent, 1, 5);
    const proof = (await service.get(`/api/v1/ves/proofs/4?${streamQuery(agent)}`)).json;
    const { leaf_hash, merkle_root, proof_path, leaf_index } = proof;
    const verify = (changes: object) =>
      service.post("/api/v1/ves/proofs/verify", { leaf_hash, merkle_root, proof_path, leaf_index, ...changes });
    expect((await verify({})).json).toEqual({ valid: true, leaf_hash, merkle_root });
    expect((await verify({ leaf_count: 5 })).json.valid).toBe(true);
    const pad = "d9dd0e003ba5370a698013c48ed69c6c41d9ebc1236d44b280c52ceacfdad524";
    for (const changes of [
      { leaf_index: 2 },
      { leaf_index: leaf_index + 8 },
      { leaf_count: 9 },
      { leaf_count: 3 },
      { leaf_count: 0 },
      { leaf_hash: pad },
      { merkle_root: leaf_hash },
      { proof_path: proof_path.slice(1) },
      { proof_path: [...proof_path, pad] },
      { proof_path: Array.from({ length: 64 }, () => pad) },
    ]) {
      expect([(await verify(changes)).json.valid, changes]).toEqual([false, changes]);
    }
    for (const changes of [
      { leaf_hash: `0x${leaf_hash}` },
      { merkle_root: "zz" },
      { proof_path: [merkle_root.slice(2)] },
      { proof_path: Array.from({ length: 65 }, () => pad) },
    ]) {
      const refused = await verify(changes);
      expect([refused.status, refused.json.code]).toEqual([400, "INVALID_FIELD_VALUE"]);
    }
    expect((await verify({ leaf_index: -1 })).status).toBe(422);
  });

  it("take a kilobyte for 1,024 events", async () => {
    const agent = await agentWith(service, 1024);
    await commit(service, agent, 1, 1024);
    const answer = await service.get(`/api/v1/ves/proofs/1000?${streamQuery(agent)}`);
    const { proof_path, leaf_hash, merkle_root } = answer.json;
    const rawBytes = [...proof_path, leaf_hash, merkle_root].reduce((sum, hash) => sum + hash.length / 2, 8);
    expect(proof_path).toHaveLength(10);
    expect(rawBytes).toBeLessThanOrEqual(1024);
    expect(Buffer.byteLength(answer.text)).toBeLessThanOrEqual(1024);
  });
});
