/** Legacy answers of many pages: few are put together at a time, of one tenant and of all, and the places come back. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { LegacyClient } from "../support/legacy-client.js";
import { expectProblem } from "../support/problem.js";
import { type Answer, startService, type TestService } from "../support/service.js";

const EVENTS = 60;
const PAYLOAD = { text: "x".repeat(2000) };

let service: TestService;
let one: LegacyClient;
let another: LegacyClient;

beforeAll(async () => {
  // Each event is a page of its own.
  service = await startService({ PAGE_BYTES_MAX: "1024" });
  one = new LegacyClient(service);
  another = new LegacyClient(service);
  for (const client of [one, another]) {
    const events = Array.from({ length: EVENTS }, () => client.event({ entity_id: "busy", payload: PAYLOAD }));
    expect((await client.ingest(events)).json).toMatchObject({ events_accepted: EVENTS });
  }
});
afterAll(() => service[Symbol.asyncDispose]());

const range = (client: LegacyClient, limit = EVENTS): Promise<Answer> =>
  service.get(`/api/v1/events?${client.query}&from=1&limit=${limit}`);
const history = (client: LegacyClient): Promise<Answer> =>
  service.get(`/api/v1/entities/order/busy?${client.query}&limit=${EVENTS}`);

it.each([
  ["events", range],
  ["an entity's history", history],
])("one tenant's many requests for %s leave places for another's", async (_name, ask) => {
  for (let round = 0; round < 3; round++) {
    const flood = Array.from({ length: 30 }, () => ask(one));
    const other = await ask(another);
    expect(other.status, other.text).toBe(200);
    expect(other.json.count).toBe(EVENTS);
    const answers = await Promise.all(flood);
    const refused = answers.filter(({ status }) => status !== 200);
    for (const answer of refused) {
      expectProblem(answer, "OVERLOADED");
      expect(answer.headers.get("retry-after")).toBe("1");
    }
    expect(refused.length).toBeGreaterThan(0);
    expect(refused.length).toBeLessThan(30);
    expect((await ask(one)).json.count).toBe(EVENTS);
  }
});

it("an answer of one page needs no place", async () => {
  const answers = await Promise.all(Array.from({ length: 30 }, () => range(one, 1)));
  expect(answers.map(({ status }) => status)).toEqual(Array(30).fill(200));
});
