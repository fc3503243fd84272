import { expect, test } from "vitest";
import { PROBLEMS, problemReply } from "../../../src/api/problem.js";
import { CodedError, type ErrorCode } from "../../../src/base/errors.js";

function parsed(error: unknown) {
  const reply = problemReply(error, "req-1");
  return { ...reply, json: JSON.parse(reply.body as string) as Record<string, unknown> };
}

test("each code has its own number and a status that is an error", () => {
  const entries = Object.values(PROBLEMS);
  expect(new Set(entries.map((entry) => entry.numeric)).size).toBe(entries.length);
  for (const { status, numeric } of entries) {
    expect(status).toBeGreaterThanOrEqual(400);
    expect(numeric).toBeGreaterThanOrEqual(1000);
    expect(numeric).toBeLessThan(10_000);
  }
});

test("a refusal is rendered with every member clients read", () => {
  const error = new CodedError("UNPROCESSABLE_BODY", "amount must be a string", {
    pointer: "/events/3/amount",
    members: { index: 3 },
  });
  const { status, headers, json } = parsed(error);
  expect(status).toBe(422);
  expect(headers).toEqual({ "content-type": "application/problem+json", "x-error-code": "UNPROCESSABLE_BODY" });
  expect(json).toEqual({
    type: "urn:stateset:problem:unprocessable-body",
    title: "Unprocessable request body",
    status: 422,
    detail: "amount must be a string",
    code: "UNPROCESSABLE_BODY",
    request_id: "req-1",
    pointer: "/events/3/amount",
    index: 3,
    error: { code: "UNPROCESSABLE_BODY", numeric_code: 3008, message: "amount must be a string" },
  });
});

test("extra members never replace standard ones", () => {
  const { json } = parsed(new CodedError("CURSOR_TOO_OLD", "gone", { members: { status: 200, code: "OK", first: 9 } }));
  expect(json).toMatchObject({ status: 410, code: "CURSOR_TOO_OLD", first: 9 });
});

test("every 429 and 503 says when to come back, other codes only when they know", () => {
  for (const code of Object.keys(PROBLEMS) as ErrorCode[]) {
    const { status, headers } = problemReply(new CodedError(code, "x"), "r");
    expect(headers?.["retry-after"], code).toBe(status === 429 || status === 503 ? "1" : undefined);
  }
  const later = problemReply(new CodedError("RATE_LIMIT_EXCEEDED", "x", { retryAfterSeconds: 29.2 }), "r");
  expect(later.headers?.["retry-after"]).toBe("30");
  const conflict = problemReply(new CodedError("SEQUENCE_GAP", "x", { retryAfterSeconds: 2 }), "r");
  expect(conflict.headers?.["retry-after"]).toBe("2");
});

test.each([new Error("password=hunter2"), "hunter2", null, { message: "hunter2", code: "OVERLOADED" }])(
  "an unknown error shows nothing of itself",
  (error) => {
    const { status, body, json } = parsed(error);
    expect(status).toBe(500);
    expect(json).toMatchObject({ code: "INTERNAL_ERROR", detail: "Internal server error", request_id: "req-1" });
    expect(body).not.toContain("hunter2");
  },
);
