/**
 * Where in the log an entity's n-th legacy event is, and how many it has. No table knows: they are counted in the entity's
 * index, once. The offset of every 1,024th one stays in memory, and whoever asks again is led there. Entries never change, so
 * neither does what is kept.
 * Bounds: of an entity counted before, an ask steps over at most two times `MARK_EVERY` rows of the index and what came since;
 * of each of `ENTITIES_MAX` entities 8 bytes per mark stay.
 */
import { LRUCache } from "lru-cache";
import type { Connection } from "./connection.js";

/** 40 µs of an index's rows; an entity of a million events takes 8 KB. */
const MARK_EVERY = 1024;
/** Those with fewer events than a mark counts are not kept at all. */
const ENTITIES_MAX = 1000;

export interface LegacyPosition {
  /** Of the event at the position that was asked for; undefined where the entity has fewer. */
  readonly offset: number | undefined;
  /** How many legacy events the entity has. */
  readonly total: number;
}

export class LegacyPositions {
  /** By entity: the offsets of its events 0, 1024, 2048, … */
  readonly #marks = new LRUCache<number, number[]>({ max: ENTITIES_MAX });
  readonly #sql;

  constructor(db: Connection) {
    const ofEntity = `FROM entries WHERE entity_ref = ? AND kind = 1 AND "offset" >= ?`;
    this.#sql = {
      step: db.prepare(`SELECT "offset" ${ofEntity} ORDER BY "offset" LIMIT 1 OFFSET ?`).pluck(),
      count: db.prepare(`SELECT count(*) ${ofEntity}`).pluck(),
    };
  }

  /** `position`: from 0. To be asked within a transaction, so that both are of one moment. */
  find(entityRef: number, position: number): LegacyPosition {
    const marks = this.#marksOf(entityRef);
    const last = marks.at(-1);
    if (last === undefined) return { offset: undefined, total: 0 };
    const total = (marks.length - 1) * MARK_EVERY + (this.#sql.count.get(entityRef, last) as number);
    if (position >= total) return { offset: undefined, total };
    return { offset: this.#step(entityRef, marks[Math.floor(position / MARK_EVERY)]!, position % MARK_EVERY), total };
  }

  /** With those of what came since. */
  #marksOf(entityRef: number): readonly number[] {
    const marks = this.#marks.get(entityRef) ?? [];
    let next = marks.length === 0 ? this.#step(entityRef, 0, 0) : this.#step(entityRef, marks.at(-1)!, MARK_EVERY);
    while (next !== undefined) {
      marks.push(next);
      next = this.#step(entityRef, next, MARK_EVERY);
    }
    if (marks.length > 1) this.#marks.set(entityRef, marks);
    return marks;
  }

  /** The offset of the event `events` after the one at `fromOffset`. */
  #step(entityRef: number, fromOffset: number, events: number): number | undefined {
    return this.#sql.step.get(entityRef, fromOffset, events) as number | undefined;
  }
}
