import { describe, expect, test } from "vitest";
import { Liveness } from "../../../src/transport/liveness.js";

const INTERVAL_MS = 1_000;

function quiet(): Liveness {
  return new Liveness(INTERVAL_MS, 0);
}

describe("liveness", () => {
  test("a peer that was heard within the interval is left alone", () => {
    const peer = quiet();
    expect(peer.judge(999)).toBe("alive");
    peer.sign(999);
    expect(peer.judge(1_998)).toBe("alive");
  });

  test("silence is pinged once, then given up an interval later", () => {
    const peer = quiet();
    expect([1_000, 1_250, 2_000, 2_001].map((ms) => peer.judge(ms))).toEqual(["ping", "alive", "alive", "dead"]);
  });

  test("a pong starts over", () => {
    const peer = quiet();
    expect(peer.judge(1_000)).toBe("ping");
    peer.pong(1_900);
    expect([1_950, 2_900, 3_901].map((ms) => peer.judge(ms))).toEqual(["alive", "ping", "dead"]);
  });

  test("bytes on the way earn the time they take at the least rate", () => {
    const peer = quiet();
    peer.sent(256 * 100);
    expect(peer.judge(1_000)).toBe("ping");
    expect([90_000, 102_000, 102_001].map((ms) => peer.judge(ms))).toEqual(["alive", "alive", "dead"]);
  });

  test("a reader that only just moves is never given up, however long it takes", () => {
    const peer = quiet();
    let nowMs = 0;
    for (let round = 0; round < 1_000; round++) {
      peer.sent(256 * 60);
      while (peer.judge(nowMs) === "alive") nowMs += 100;
      nowMs += 60_000;
      expect(peer.judge(nowMs)).toBe("alive");
      peer.pong(nowMs);
    }
  });

  test("what was read before a pong earns nothing any more", () => {
    const peer = quiet();
    peer.sent(256 * 100);
    expect(peer.judge(1_000)).toBe("ping");
    peer.pong(50_000);
    expect([51_000, 52_001].map((ms) => peer.judge(ms))).toEqual(["ping", "dead"]);
  });
});
