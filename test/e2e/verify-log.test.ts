import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { databasePath } from "../../src/store/sqlite/connection.js";
import { signBatch } from "../support/load.js";
import { makeEventTwice, makeLog } from "../support/log-maker.js";
import { setBackLog } from "../support/old-log.js";
import { runMain } from "../support/run-main.js";
import { startService } from "../support/service.js";
import { audit, SOUND_EVENTS, SoundLog, tamper } from "../support/sound-log.js";

const none = (): void => {};

let sound: SoundLog;
beforeAll(async () => {
  sound = await SoundLog.make();
});
afterAll(() => sound[Symbol.dispose]());

async function verify(...args: string[]) {
  const { code, stdout } = await runMain(["verify-log", "--json", ...args]);
  return { code, report: JSON.parse(stdout) };
}

describe("verify-log", () => {
  it("finds a sound log sound, with and without signatures", async () => {
    for (const options of [[], ["--no-signatures"]]) {
      const { code, report } = await verify("--data-dir", sound.folder, ...options);
      expect(report).toMatchObject({ sound: true, entries: SOUND_EVENTS, streams: 4, findings: [] });
      expect(code).toBe(0);
    }
  });

  it("knows a lost tail by a witness from outside", async () => {
    const known = ["--no-signatures", "--min-head", String(SOUND_EVENTS + 1)];
    const { code, report } = await verify("--data-dir", sound.folder, ...known);
    expect(report.findings).toEqual([
      { offset: SOUND_EVENTS, message: `the log ends here; it was known to have ${SOUND_EVENTS + 1} entries` },
    ]);
    expect(code).toBe(6);
  });

  it("refuses bad usage with exit 2 and writes nothing", async () => {
    const wrong = [
      ["--data-dir", join(sound.folder, "nowhere")],
      ["--db", sound.folder],
      ["--frob"],
      ["--threads", "x"],
      ["--data-dir", sound.folder, "--threads", "0"],
      ["--data-dir", sound.folder, "--threads", "257"],
      ["--db", "a", "--data-dir", "b"],
    ];
    for (const args of wrong) {
      const { code, stdout, stderr } = await runMain(["verify-log", ...args]);
      expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
      expect(stderr).toMatch(/^stateset-sequencer verify-log: /);
    }
    expect((await runMain(["verify-log", "--help"])).stdout).toMatch(/^Usage: stateset-sequencer verify-log/);
  });

  it("shows no terminal what a file would have it do", async () => {
    const verdict = `x${"\u001b"}[2J${"\u001b"}[Hsound: 600 entries`;
    const folder = sound.tampered(`UPDATE log SET log_id = '${verdict}'`);
    const { code, stdout, stderr } = await runMain(["verify-log", "--data-dir", folder]);
    expect({ code, stdout }).toEqual({ code: 6, stdout: "" });
    expect(stderr).toMatch(/^log: the log's id x\?\[2J\?\[Hsound: 600 entries is no UUID\nNOT SOUND: .*x\?\[2J.*\n$/);
  });

  it("follows a log that is being written", async () => {
    await using service = await startService();
    const agent = await service.agent();
    let isOver = false;
    const writing = (async () => {
      while (!isOver) await service.post("/api/v1/ves/events/ingest", signBatch(agent, 50).body);
    })();
    for (let round = 0; round < 3; round++) {
      const { code, report } = await verify("--data-dir", service.folder);
      expect(report.findings).toEqual([]);
      expect(code).toBe(0);
    }
    isOver = true;
    await writing;
  });

  it("follows a log whose places are being merged, and then finds all of them", async () => {
    const folder = sound.emptyFolder();
    await makeLog(folder, 4100, 0, none, 512);
    let isOver = false;
    const writing = (async () => {
      for (let round = 0; !isOver; round++) {
        await makeLog(folder, 300 + round, 0, none, 512);
        await setImmediate();
      }
    })();
    for (let round = 0; round < 3; round++) expect((await audit(folder, { threads: 2 })).findings).toEqual([]);
    isOver = true;
    await writing;
    expect((await audit(folder, { threads: 2 })).findings).toEqual([]);
    tamper(folder, "DELETE FROM places_by_number WHERE offset = 3000");
    expect((await audit(folder, { threads: 2 })).findings[0]).toEqual({
      ...{ offset: 3000, message: expect.stringContaining("number is neither in places_by_number") },
    });
  });
});

describe("what is no log", () => {
  it("is a finding: a file that is not there, and one that is something else", async () => {
    const folder = sound.emptyFolder();
    const unread = [{ offset: null, message: expect.stringMatching(/^the log cannot be read: /) }];
    expect(await audit(folder)).toMatchObject({ identity: null, entries: 0, findings: unread });
    writeFileSync(databasePath(folder), "no database");
    expect(await audit(folder)).toMatchObject({ identity: null, entries: 0, findings: unread });
  });
});

describe("a log of an older version", () => {
  it.each([1, 2, 4, 5, 6, 7, 8])("%d is sound before its upgrade and after it", async (version) => {
    const folder = sound.emptyFolder();
    setBackLog(databasePath(sound.folder), databasePath(folder), version);
    for (const _ of ["before", "after"]) {
      const report = await audit(folder, { withSignatures: true, headMin: SOUND_EVENTS });
      expect(report).toMatchObject({ findings: [], entries: SOUND_EVENTS });
      await makeLog(folder, 0);
    }
  });
});

describe("an event that was sequenced twice", () => {
  it("is named, though each of the two is as it must be", async () => {
    const folder = sound.emptyFolder();
    await makeLog(folder, 20);
    await makeEventTwice(folder);
    const { report, code } = await verify("--data-dir", folder);
    expect(report.findings).toEqual([{ offset: 21, message: "its event is entry 20 too" }]);
    expect(code).toBe(6);
  });
});
