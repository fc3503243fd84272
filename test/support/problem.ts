/** What every refusal must look like, whatever it refuses. */
import { expect } from "vitest";
import { PROBLEMS } from "../../src/api/problem.js";
import type { ErrorCode } from "../../src/base/errors.js";

export interface Refused {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** Parts of stack traces, paths and internals that no client may ever read. */
const INTERNALS = /\bat \S+ \(|node_modules|node:internal|\.[jt]s:\d|SQLITE|SqliteError|Assertion|undefined|\[object /;

/** Asserts the whole form of a problem reply and returns its body. */
export function expectProblem(answer: Refused, code: ErrorCode, detail?: string | RegExp): Record<string, unknown> {
  const body = JSON.parse(answer.text) as Record<string, unknown>;
  const { status, numeric, title } = PROBLEMS[code];
  expect(body, answer.text).toMatchObject({ code, status, title });
  expect(answer.status).toBe(status);
  expect(answer.headers.get("content-type")).toBe("application/problem+json");
  expect(answer.headers.get("x-error-code")).toBe(code);
  expect(body.error).toEqual({ code, numeric_code: numeric, message: body.detail });
  expect(body.type).toBe(`urn:stateset:problem:${code.toLowerCase().replaceAll("_", "-")}`);
  expect(body.request_id).toBe(answer.headers.get("x-request-id"));
  expect(body.request_id).toMatch(/^[\x21-\x7e]{1,128}$/);
  expect(answer.text).not.toMatch(INTERNALS);
  if (detail instanceof RegExp) expect(body.detail).toMatch(detail);
  else if (detail !== undefined) expect(body.detail).toBe(detail);
  return body;
}
