import { expect, test } from "vitest";
import { readRetryAfter, refusalOf, SequencerError } from "../../../src/client/sequencer-error.js";

const NOW_MS = Date.parse("2025-01-01T00:00:00Z");

const refusal = (status: number, body: unknown, headers: Record<string, string> = {}): SequencerError => {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return refusalOf(new Response(text, { status, headers }), text, NOW_MS);
};

test("problem details: code, detail, request id, Retry-After", () => {
  const error = refusal(
    429,
    { code: "OVERLOADED", title: "Overloaded", detail: "4096 submissions wait", request_id: "r-1" },
    { "retry-after": "2", "content-type": "application/problem+json" },
  );
  expect({ ...error, message: error.message }).toEqual({
    name: "SequencerError",
    code: "OVERLOADED",
    message: "4096 submissions wait",
    status: 429,
    requestId: "r-1",
    retryAfterSeconds: 2,
  });
});

test.each([
  [
    "the older error member",
    { error: { code: "INVALID_FIELD_VALUE", message: "no" } },
    {},
    "INVALID_FIELD_VALUE",
    "no",
  ],
  [
    "the code in a header",
    "",
    { "x-error-code": "TIMEOUT", "x-request-id": "h" },
    "TIMEOUT",
    "the service answered 504",
  ],
  ["a proxy's page", "<html>gateway</html>", {}, "HTTP_504", "the service answered 504: <html>gateway</html>"],
  ["no body", "", {}, "HTTP_504", "the service answered 504"],
  ["JSON that is no object", "[1]", {}, "HTTP_504", "the service answered 504: [1]"],
  [
    "members of other types",
    { code: 7, detail: {}, error: "x" },
    {},
    "HTTP_504",
    expect.stringMatching(/504: \{"code":7/),
  ],
])("%s", (_, body, headers, code, message) => {
  expect(refusal(504, body, headers as Record<string, string>)).toMatchObject({ code, message, status: 504 });
});

test("a foreign body is shown in part only", () => {
  expect(refusal(502, "x".repeat(100_000)).message.length).toBeLessThan(250);
});

test.each([
  [null, null],
  ["0", 0],
  ["120", 120],
  ["-1", null],
  ["soon", null],
  ["Wed, 01 Jan 2025 00:01:00 GMT", 60],
  ["Wed, 01 Jan 2020 00:00:00 GMT", 0],
])("Retry-After %s is %s seconds", (text, seconds) => {
  expect(readRetryAfter(text, NOW_MS)).toBe(seconds);
});

test.each([
  ["Wed, 01 Jan 2031 00:00:00 GMT", 60],
  ["yesterday", 189_302_460],
])("a date to wait for is by the clock of the answer's own, %s, where it has one", (date, seconds) => {
  const headers = { date, "retry-after": "Wed, 01 Jan 2031 00:01:00 GMT" };
  expect(refusal(503, "", headers).retryAfterSeconds).toBe(seconds);
});

test.each([
  ["CONNECTION_FAILED", 0, true],
  ["REQUEST_TIMEOUT", 0, true],
  ["INVALID_RESPONSE", 200, false],
  ["RECEIPT_INVALID", 0, false],
  ["OVERLOADED", 429, true],
  ["INTERNAL_ERROR", 500, true],
  ["SHUTTING_DOWN", 503, true],
  ["LOG_MISMATCH", 409, false],
  ["CURSOR_IN_FUTURE", 416, false],
  ["INVALID_API_KEY", 401, false],
])("%s with status %d may pass by itself: %s", (code, status, isTransient) => {
  expect(new SequencerError({ code, message: "", status }).isTransient).toBe(isTransient);
});
