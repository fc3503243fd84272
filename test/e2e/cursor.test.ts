import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RawConnection } from "../support/raw-connection.js";
import { type Answer, startService, type TestService, uuid } from "../support/service.js";
import { beginShutdown, beginUpload } from "../support/shutdown.js";
import { refusedSubscription, Subscriber } from "../support/subscriber.js";

/** Entries in the log of these tests. */
const HEAD = 3;

interface Refused {
  readonly status: number;
  readonly code: string;
}
const MALFORMED: Refused = { status: 400, code: "CURSOR_MALFORMED" };
/** Of the query as a whole: what it says of the cursor cannot be read. */
const NO_QUERY: Refused = { status: 400, code: "INVALID_FIELD_VALUE" };
const IN_FUTURE: Refused = { status: 416, code: "CURSOR_IN_FUTURE" };
const MISMATCH: Refused = { status: 409, code: "LOG_MISMATCH" };

const REFUSED: readonly (readonly [name: string, query: string, refused: Refused])[] = [
  ["one beyond the head", `from_offset=${HEAD + 1}`, IN_FUTURE],
  ["2^53-1", "from_offset=9007199254740991", IN_FUTURE],
  ["2^53", "from_offset=9007199254740992", IN_FUTURE],
  ["2^53+1", "from_offset=9007199254740993", IN_FUTURE],
  ["2^64-1", "from_offset=18446744073709551615", IN_FUTURE],
  ["2^64", "from_offset=18446744073709551616", MALFORMED],
  ["a negative number", "from_offset=-1", MALFORMED],
  ["minus zero", "from_offset=-0", MALFORMED],
  ["a plus sign", "from_offset=%2B1", MALFORMED],
  ["a space", "from_offset=+1", MALFORMED],
  ["a fraction", "from_offset=1.5", MALFORMED],
  ["an exponent", "from_offset=1e0", MALFORMED],
  ["hex", "from_offset=0x1", MALFORMED],
  ["letters", "from_offset=abc", MALFORMED],
  ["digits of another script", `from_offset=${encodeURIComponent("٣")}`, MALFORMED],
  ["nothing", "from_offset=", MALFORMED],
  ["a bare name", "from_offset", MALFORMED],
  ["leading zeros", "from_offset=01", MALFORMED],
  ["a broken escape", "from_offset=%zz", NO_QUERY],
  ["an escape of no UTF-8", "from_offset=%ff", NO_QUERY],
  ["given twice", "from_offset=1&from_offset=2", MALFORMED],
  ["given twice alike", "from_offset=1&from_offset=1", MALFORMED],
  ["another log", `from_offset=1&log_id=${uuid()}`, MISMATCH],
  ["another log, also beyond its end", `from_offset=99&log_id=${uuid()}`, MISMATCH],
  ["a log id that is none", "from_offset=1&log_id=abc", MISMATCH],
  ["log_id given twice", `log_id=${uuid()}&log_id=${uuid()}`, MALFORMED],
  ["another epoch", "from_offset=1&epoch=2", MISMATCH],
  ["epoch 0", "from_offset=1&epoch=0", MISMATCH],
  ["an epoch of letters", "from_offset=1&epoch=x", MALFORMED],
  ["an empty epoch", "from_offset=1&epoch=", MALFORMED],
  ["an epoch beyond 64 bits", "from_offset=1&epoch=18446744073709551616", MALFORMED],
  ["epoch given twice", "epoch=1&epoch=1", MALFORMED],
];

const ACCEPTED: readonly (readonly [name: string, query: string, firstOffset: number])[] = [
  ["absent", "", 0],
  ["0", "from_offset=0", 0],
  ["in the middle", "from_offset=2", 2],
  ["equal to the head", `from_offset=${HEAD}`, HEAD],
];

describe("cursor matrix: WebSocket handshake and HTTP alike", () => {
  let service: TestService;
  let logId: string;
  beforeAll(async () => {
    service = await startService();
    const agent = await service.agent();
    await agent.ingest(Array.from({ length: HEAD }, () => agent.sign()));
    logId = (await service.get("/api/v1/head")).json.log_id;
  });
  afterAll(() => service[Symbol.asyncDispose]());

  it.each(REFUSED)("refuses %s", async (_, query, { status, code }) => {
    const answers = [
      await service.get(`/api/v1/log?${query}`),
      await refusedSubscription(service, query),
      await refusedSubscription(service, query, { path: "/ws/subscribe" }),
    ];
    for (const answer of answers) {
      expectProblem(answer, status, code);
      expect(withoutRequest(answer)).toEqual(withoutRequest(answers[0]!));
    }
    if (code === "CURSOR_IN_FUTURE") expect(answers[0]!.json.next_offset).toBe(HEAD);
    if (code === "LOG_MISMATCH") expect(answers[0]!.json).toMatchObject({ log_id: logId, epoch: 1 });
  });

  it.each(ACCEPTED)("accepts %s", async (_, query, firstOffset) => {
    for (const named of [query, `${query}&log_id=${logId.toUpperCase()}&epoch=1`]) {
      const page = await service.get(`/api/v1/log?${named}`);
      expect(page.json).toMatchObject({ next_offset: HEAD, head_offset: HEAD, count: HEAD - firstOffset });
      await using subscriber = await Subscriber.open(service, named);
      await subscriber.until(HEAD - firstOffset);
      expect(subscriber.entries.map(({ offset }) => offset)).toEqual(
        page.json.entries.map(({ offset }: { offset: number }) => offset),
      );
    }
  });

  it("a cursor at the head gets the next entry, and that one first", async () => {
    await using own = await startService();
    const agent = await own.agent();
    await using subscriber = await Subscriber.open(own, "from_offset=0");
    await agent.ingest([agent.sign(), agent.sign()]);
    await subscriber.until(2);
    await using late = await Subscriber.open(own, "from_offset=2");
    await agent.ingest([agent.sign()]);
    await late.until(1);
    expect(late.entries[0]!.offset).toBe(2);
  });

  it("refuses a catch-up beyond the limit on the socket; HTTP is the way to catch up", async () => {
    await using limited = await startService({ SEQ_WS_MAX_CATCHUP_EVENTS: "2" });
    const agent = await limited.agent();
    await agent.ingest(Array.from({ length: HEAD }, () => agent.sign()));
    const refused = await refusedSubscription(limited, "from_offset=0");
    expectProblem(refused, 410, "CURSOR_TOO_OLD");
    expect(refused.json).toMatchObject({ next_offset: HEAD, catch_up_max: 2 });
    await using subscriber = await Subscriber.open(limited, "from_offset=1");
    await subscriber.until(2);
    expect((await limited.get("/api/v1/log?from_offset=0")).json.count).toBe(HEAD);
  });

  it("0 as limit lets everybody catch up from the start", async () => {
    await using unlimited = await startService({ SEQ_WS_MAX_CATCHUP_EVENTS: "0" });
    const agent = await unlimited.agent();
    await agent.ingest(Array.from({ length: HEAD }, () => agent.sign()));
    await using subscriber = await Subscriber.open(unlimited);
    await subscriber.until(HEAD);
  });

  it("during shutdown", async () => {
    await using ending = await startService();
    using socket = await RawConnection.open(ending);
    using http = await RawConnection.open(ending);
    await socket.get("/health");
    await http.get("/health");
    using _upload = await beginUpload(ending);
    await beginShutdown(ending);
    const refused = await socket.upgrade("/subscribe?from_offset=0");
    expectProblem(refused, 503, "SHUTTING_DOWN");
    const answer = await http.get("/api/v1/log?from_offset=0");
    expectProblem(answer, 503, "SHUTTING_DOWN");
    expect(withoutRequest(answer)).toEqual(withoutRequest(refused));
  });
});

function expectProblem(answer: Answer, status: number, code: string): void {
  expect({ status: answer.status, code: answer.json.code }).toEqual({ status, code });
  expect(answer.headers.get("content-type")).toBe("application/problem+json");
  expect(answer.json).toMatchObject({ status, error: { code } });
  if (status === 503) expect(answer.headers.get("retry-after")).toMatch(/^[0-9]+$/);
}

/** The problem without what names the one request. */
function withoutRequest(answer: Answer): Record<string, unknown> {
  return { ...(answer.json as Record<string, unknown>), request_id: "" };
}
