/** `GET /api/v1/ves/events`: every page is a bounded read, and following `next_sequence` finds exactly what matches. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { startService, type TestAgent, type TestService } from "../support/service.js";

/** More than one page may look at. */
const EVENTS = 4_500;
const BATCH = 500;
/** Rows one page looks at. */
const LOOKED_AT_MAX = 4096;

/** So many events always fit in a page of the store. */
const LIMIT_BELOW_BYTES = 300;

const RARE_AT = [7, 4_096, 4_097, 4_444];

let service: TestService;
let agent: TestAgent;

beforeAll(async () => {
  service = await startService();
  agent = await service.agent();
  for (let first = 1; first <= EVENTS; first += BATCH) {
    const events = Array.from({ length: BATCH }, (_, index) => {
      const number = first + index;
      const isRare = RARE_AT.includes(number);
      return agent.sign({
        eventType: isRare ? "order.rare" : "order.common",
        entityType: isRare ? "rarity" : "order",
        entityId: `e-${number % 3}`,
      });
    });
    expect((await agent.ingest(events)).json).toMatchObject({ eventsAccepted: BATCH });
  }
}, 120_000);
afterAll(() => service[Symbol.asyncDispose]());

interface StreamPage {
  readonly count: number;
  readonly head_sequence: number;
  readonly next_sequence: number;
  readonly events: readonly { readonly sequence_number: number }[];
}

async function pageOf(query: string, from: number, limit = 1000, of = agent): Promise<StreamPage> {
  const stream = `tenant_id=${of.tenantId}&store_id=${of.storeId}`;
  return (await service.get(`/api/v1/ves/events?${stream}&from=${from}&limit=${limit}&${query}`)).json;
}

/** The numbers on each page, to the last one. */
async function pagesOf(query: string): Promise<number[][]> {
  const pages: number[][] = [];
  for (let from = 1, head = 1; from <= head; ) {
    const page = await pageOf(query, from);
    expect(page.next_sequence).toBeGreaterThan(from);
    pages.push(page.events.map(({ sequence_number }) => sequence_number));
    [from, head] = [page.next_sequence, page.head_sequence];
  }
  return pages;
}

const numbers = (isWanted: (number: number) => boolean): number[] =>
  Array.from({ length: EVENTS }, (_, index) => index + 1).filter(isWanted);

it.each(["event_type=order.rare", "entity_type=rarity", "event_type=order.rare&entity_type=rarity"])(
  "looks at a bounded number of rows for %s, and says where to go on",
  async (query) => {
    expect(await pagesOf(query)).toEqual([
      [7, 4_096],
      [4_097, 4_444],
    ]);
    expect(await pageOf(query, 8)).toMatchObject({ count: 2, next_sequence: 8 + LOOKED_AT_MAX });
    expect(await pageOf(query, 4_445)).toMatchObject({ count: 0, next_sequence: EVENTS + 1 });
  },
);

it("finds nothing of a name that no event has, without a second page", async () => {
  expect(await pagesOf("event_type=order.unheard-of")).toEqual([[]]);
  expect(await pagesOf("entity_type=order&entity_id=nobody")).toEqual([[]]);
});

it("says where to go on where an unheard-of entity type has to be looked for", async () => {
  expect(await pageOf("entity_type=unheard-of", 1)).toMatchObject({ count: 0, next_sequence: LOOKED_AT_MAX + 1 });
});

it("finds an entity's events without looking at others'", async () => {
  expect(await pagesOf("entity_type=rarity&entity_id=e-1")).toEqual([[7, 4_096, 4_444]]);
  expect(await pageOf("entity_type=rarity&entity_id=e-1", 8)).toMatchObject({ count: 2, next_sequence: EVENTS + 1 });
  const ofOrder = await pagesOf("entity_type=order&entity_id=e-2");
  expect(ofOrder.flat()).toEqual(numbers((number) => number % 3 === 2 && !RARE_AT.includes(number)));
});

it("serves all of a stream in order when nothing is asked of it", async () => {
  const pages = await pagesOf("");
  expect(pages.flat()).toEqual(numbers(() => true));
});

it("has nothing beyond the head or of a stream without events", async () => {
  expect(await pageOf("", EVENTS + 10)).toMatchObject({ count: 0, next_sequence: EVENTS + 10, head_sequence: EVENTS });
  const other = `tenant_id=${agent.tenantId}&store_id=${crypto.randomUUID()}`;
  const { json } = await service.get(`/api/v1/ves/events?${other}&event_type=order.rare`);
  expect(json).toMatchObject({ count: 0, next_sequence: 1, head_sequence: 0 });
});

it.each(["", "event_type=order.unheard-of", "entity_type=order", "entity_type=order&entity_id=e-1"])(
  "shows a page and its head of one moment while events come in: %s",
  async (query) => {
    const writer = await service.agent();
    const BATCHES = 60;
    let isOver = false;
    const write = async (): Promise<void> => {
      for (let batch = 0; batch < BATCHES; batch++) {
        const events = Array.from({ length: 20 }, () => writer.sign({ entityType: "order", entityId: "e-1" }));
        expect((await writer.ingest(events)).json).toMatchObject({ eventsAccepted: 20 });
      }
    };
    const follow = async (limit: number): Promise<void> => {
      for (let from = 1; !isOver; ) {
        const { events, next_sequence, head_sequence } = await pageOf(query, from, limit, writer);
        const last = events.at(-1)?.sequence_number ?? 0;
        expect(head_sequence).toBeGreaterThanOrEqual(Math.max(last, from - 1));
        // A page that is not full has looked at everything there was.
        expect(next_sequence).toBe(events.length === limit ? last + 1 : head_sequence + 1);
        from = next_sequence;
      }
    };
    const writing = write().finally(() => {
      isOver = true;
    });
    await Promise.all([writing, follow(1), follow(7), follow(LIMIT_BELOW_BYTES)]);
  },
);
