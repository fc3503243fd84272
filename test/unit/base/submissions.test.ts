import { describe, expect, it } from "vitest";
import { CodedError } from "../../../src/base/errors.js";
import { Submissions } from "../../../src/base/submissions.js";

/** How many of `count` submissions are admitted. */
function admit(submissions: Submissions, count: number, bytes: number, flow: string | null): number[] {
  const admitted: number[] = [];
  for (let i = 0; i < count; i++) {
    try {
      const { requestId, answer } = submissions.open(bytes, flow);
      answer.catch(() => {});
      admitted.push(requestId);
    } catch (error) {
      expect((error as CodedError).code).toBe("OVERLOADED");
    }
  }
  return admitted;
}

describe("submissions", () => {
  it("give one flow three quarters of the whole, in requests and in bytes", () => {
    expect(admit(new Submissions({ requestsMax: 100, bytesMax: 1e9 }), 200, 1, "a")).toHaveLength(75);
    expect(admit(new Submissions({ requestsMax: 1e6, bytesMax: 100 }), 200, 1, "a")).toHaveLength(75);
  });

  it("leave room for who comes next, however many flows flood", () => {
    for (const floods of [1, 2, 4, 8, 16]) {
      const submissions = new Submissions({ requestsMax: 1000, bytesMax: 1e9 });
      for (let round = 0; round < 1000; round++) {
        for (let flood = 0; flood < floods; flood++) admit(submissions, 1, 1, `flood ${flood}`);
      }
      const free = 1000 - submissions.requests;
      expect(free).toBeGreaterThanOrEqual(Math.floor(1000 / (1 + 3 * floods)));
      expect(admit(submissions, 10, 1, "new")).toHaveLength(10);
    }
  });

  it("keep the hard bound for all flows together and for the service's own work", () => {
    const submissions = new Submissions({ requestsMax: 10, bytesMax: 1e9 });
    for (let flow = 0; flow < 50; flow++) admit(submissions, 1, 1, `flow ${flow}`);
    expect(submissions.requests).toBe(10);
    expect(admit(submissions, 1, 1, null)).toEqual([]);
    expect(admit(new Submissions({ requestsMax: 10, bytesMax: 1e9 }), 20, 1, null)).toHaveLength(10);
  });

  it("admit a lone request whatever its size", () => {
    expect(admit(new Submissions({ requestsMax: 1, bytesMax: 10 }), 3, 100, "a")).toHaveLength(1);
  });

  it("give a share back with each answer, also with a refusal, and forget idle flows", async () => {
    const submissions = new Submissions({ requestsMax: 8, bytesMax: 1e9 });
    for (let round = 0; round < 5; round++) {
      const admitted = admit(submissions, 20, 5, "a");
      expect(admitted).toHaveLength(6);
      for (const [index, requestId] of admitted.entries()) {
        if (index % 2 === 0) submissions.answer(requestId, null);
        else submissions.refuse(requestId, new CodedError("TIMEOUT", "late"));
      }
      expect([submissions.requests, submissions.bytes]).toEqual([0, 0]);
    }
  });

  it("take no share for a request that was refused", () => {
    const submissions = new Submissions({ requestsMax: 1e6, bytesMax: 100 });
    admit(submissions, 1, 60, "a");
    expect(admit(submissions, 3, 90, "a")).toEqual([]);
    expect(admit(submissions, 3, 30, "b")).toHaveLength(1);
    expect(submissions.bytes).toBe(90);
  });
});
