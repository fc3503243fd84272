/**
 * What the runs of a simulation have in common, made once: a folder with a founded log and registered keys, and signed events
 * of a world so small that everything collides: ids, commands, entities, versions, keys.
 */
import { copyFileSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { migrationsPath } from "../../src/base/asset-paths.js";
import type { Uuid } from "../../src/base/ids.js";
import { commitChunk } from "../../src/lane/commit-chunk.js";
import type { LaneItem } from "../../src/lane/lane-item.js";
import { signEvent } from "../../src/protocol/agent-event.js";
import type { EventEnvelope } from "../../src/protocol/envelope.js";
import { openLaneStore } from "../../src/store/sqlite/open-lane-store.js";
import { selectEd25519 } from "../../src/verify/ed25519-native.js";
import { Random } from "../support/fuzz/random.js";

const EVENTS_PER_PLACE = 24;
const KEYS_PER_AGENT = 2;
const FOUNDED_MS = 1_759_000_000_000;

/** Payload text, bytes. */
const PAYLOAD_BYTES = [10, 10, 10, 200, 900];

const ed25519 = selectEd25519();
const random = new Random(20_261_120);

export interface Place {
  readonly tenantId: Uuid;
  readonly storeId: Uuid;
  readonly agentId: Uuid;
  readonly events: readonly EventEnvelope[];
}

const uuid = (): Uuid => random.uuid() as Uuid;
const tenants = [uuid(), uuid()] as const;
const seeds = Array.from({ length: KEYS_PER_AGENT }, () => random.bytes(32));

/** Two tenants, one of them with two stores. */
export const PLACES: readonly Place[] = [tenants[0], tenants[0], tenants[1]].map((tenantId) => {
  const place = { tenantId, storeId: uuid(), agentId: uuid() };
  const commands = [uuid(), uuid(), uuid()];
  const events = Array.from({ length: EVENTS_PER_PLACE }, () => signed(place, uuid(), commands));
  // The same id with another content.
  const twins = events.slice(0, 3).map(({ event_id }) => signed(place, event_id as Uuid, commands));
  return { ...place, events: [...events, ...twins] };
});

function signed(place: Omit<Place, "events">, eventId: Uuid, commands: readonly Uuid[]): EventEnvelope {
  const key = random.below(KEYS_PER_AGENT);
  const fields = {
    ...{ tenantId: place.tenantId, storeId: place.storeId, sourceAgentId: place.agentId, eventId },
    ...{ agentKeyId: key + 1, entityType: "order", entityId: `order-${random.below(4)}`, eventType: "order.changed" },
    ...{ createdAt: "2025-09-01T00:00:00.000Z", payload: { text: "x".repeat(random.pick(PAYLOAD_BYTES)) } },
    ...(random.chance(0.15) ? { commandId: random.pick(commands) } : {}),
    ...(random.chance(0.15) ? { baseVersion: random.below(3) } : {}),
  };
  return signEvent(fields, seeds[key]!, ed25519);
}

const memory = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();

/** A fresh folder in memory, removed on disposal. */
export class Folder implements Disposable {
  readonly path = mkdtempSync(join(memory, "sequencer-sim-"));

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** A log that is founded and has its keys, to start runs from. */
export class Template implements Disposable {
  readonly #folder = new Folder();

  static async make(): Promise<Template> {
    const template = new Template();
    const sequencer = {
      sequencerId: "11111111-1111-4111-8111-111111111111" as Uuid,
      publicKey: ed25519.publicKey(seeds[0]!),
    };
    const { store } = openLaneStore({
      ...{ folder: template.#folder.path, migrationsFolder: migrationsPath("sqlite"), sequencer },
      ...{ freshLogId: "22222222-2222-4222-8222-222222222222" as Uuid, rejectionsKeptMax: 100, nowMs: FOUNDED_MS },
    });
    const items = PLACES.flatMap(({ tenantId, agentId }) =>
      seeds.map((seed, index): LaneItem => {
        const key = { tenantId, agentId, purpose: 1, keyId: index + 1, publicKey: ed25519.publicKey(seed) } as const;
        return {
          kind: "register_agent_key",
          requestId: 1,
          key: { ...key, validFromMs: null, validToMs: null },
          voucher: null,
          by: null,
        };
      }),
    );
    const sign = (hash: Uint8Array): Uint8Array => ed25519.sign(hash, seeds[0]!);
    await commitChunk(store, items, { nowMs: FOUNDED_MS, sequencer, sign, keyEpoch: 0 });
    await store[Symbol.asyncDispose]();
    return template;
  }

  copy(): Folder {
    const folder = new Folder();
    copyFileSync(join(this.#folder.path, "sequencer.db"), join(folder.path, "sequencer.db"));
    return folder;
  }

  [Symbol.dispose](): void {
    this.#folder[Symbol.dispose]();
  }
}
