import type { Uuid } from "../../src/base/ids.js";
import type { Answer, TestAgent, TestService } from "./service.js";

export const COMMITMENTS = "/api/v1/ves/commitments";

/** The automaton is off: every commitment is one that the test asked for. */
export const BY_REQUEST_ONLY = { VES_COMMIT_EVENTS_THRESHOLD: "0", VES_COMMIT_AGE_SECS: "0" };

const BATCH = 500;

/** An agent, of a stream of its own unless it is named, whose `events` events are in the log. */
export async function agentWith(
  service: TestService,
  events: number,
  stream: { tenantId?: Uuid; storeId?: Uuid } = {},
): Promise<TestAgent> {
  const agent = await service.agent(stream);
  for (let left = events; left > 0; left -= BATCH) {
    await agent.ingest(Array.from({ length: Math.min(left, BATCH) }, () => agent.sign()));
  }
  return agent;
}

/** Asks for a commitment over the numbers `start` to `end` of the agent's stream. */
export function commit(
  service: TestService,
  { tenantId, storeId }: TestAgent,
  start: number,
  end: number,
  key?: string,
): Promise<Answer> {
  const range = { tenant_id: tenantId, store_id: storeId, sequence_start: start, sequence_end: end };
  return service.post(COMMITMENTS, range, key);
}
