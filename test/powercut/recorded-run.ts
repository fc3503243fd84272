/** A run of the service whose every change to the disk is known, and the states a power cut could have left it in. */
import { strict as assert } from "node:assert";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ServerProcess } from "../../src/cli/server-process.js";
import { openReader } from "../../src/store/sqlite/connection.js";
import { seededRandom } from "../support/load.js";
import { ownPort } from "../support/own-port.js";
import { TestService } from "../support/service.js";
import { parseFrame, receiptTextOf } from "../support/subscriber.js";
import { readFrames } from "./check-state.js";
import { DiskModel } from "./disk-model.js";
import { CUTS, type Cut, cutPower } from "./power-cut.js";
import type { IoRecord, Recorder } from "./recorder.js";
import { Told } from "./told.js";
import type { Workload } from "./workloads.js";

/** What one power cut left, on a disk of its own. */
export interface DiskState {
  readonly run: RecordedRun;
  /** Records before this one had happened. */
  readonly cutAt: number;
  readonly cut: Cut;
  /** The data folder; it may not be there yet. */
  readonly folder: string;
  readonly withSignatures: boolean;
}

/** Every so many states verify-log checks signatures too; in the others frames are compared with the ones it did check. */
const SIGNATURES_EVERY = 8;

export class RecordedRun {
  readonly told: Told;
  readonly frames: readonly Buffer[];
  /** Entries that receipts and heads up to a record imply; one number per record. */
  readonly #entriesTold: Int32Array;

  private constructor(
    readonly workload: Workload,
    readonly recorder: Recorder,
    readonly records: readonly IoRecord[],
    readonly before: DiskModel,
    readonly entriesBefore: number,
  ) {
    this.told = new Told(records);
    const db = openReader(this.folder);
    this.frames = readFrames(db);
    db.close();
    this.#entriesTold = this.#countTold();
  }

  /** Runs the workload on a new disk below `scratch` and records it to a clean end. */
  static async make(workload: Workload, recorder: Recorder, scratch: string, program?: string): Promise<RecordedRun> {
    const recording = recorder.into(scratch);
    const { root } = recording;
    const entriesBefore = (await workload.prepare?.(root, scratch)) ?? 0;
    const before = new DiskModel(root);
    const folder = join(root, "data");
    const env = { ...recording.env, ...workload.env(root) };
    const command = program === undefined ? undefined : [process.execPath, program];
    const onPort = { ...env, PORT: String(await ownPort()) };
    const started = await ServerProcess.start({ folder, env: onPort, ...(command === undefined ? {} : { command }) });
    const service = new TestService(started, folder, env, command);
    try {
      await workload.run(service, recording);
      assert.equal(await service.process.stop(), 0);
    } finally {
      await service.process[Symbol.asyncDispose]();
    }
    return new RecordedRun(workload, recording, recording.read(), before, entriesBefore);
  }

  get folder(): string {
    return join(this.recorder.root, "data");
  }

  /** Entries that the log must have when the power goes before record `cutAt`. */
  entriesTold(cutAt: number): number {
    return cutAt === 0 ? this.entriesBefore : this.#entriesTold[cutAt - 1]!;
  }

  /** A file of the data folder as it was at the end. */
  kept(name: string): Buffer {
    return readFileSync(join(this.folder, name));
  }

  /** `count` power cuts at instants spread over the run, each leaving its state in `target` until the next one. */
  *states(count: number, seed: number, target: string): Iterable<DiskState> {
    const random = seededRandom(seed);
    const disk = this.before;
    let applied = 0;
    for (let number = 0; number < count; number++) {
      const cutAt = Math.floor(((number + random()) / count) * this.records.length);
      for (; applied < cutAt; applied++) disk.apply(this.records[applied]!, applied);
      const cut = CUTS[number % CUTS.length]!;
      cutPower(disk, cut, random, target);
      const withSignatures = number % SIGNATURES_EVERY === 0;
      yield { run: this, cutAt, cut, folder: join(target, "data"), withSignatures };
    }
  }

  /** A receipt that is not in the log at the end was false without any power cut. */
  #countTold(): Int32Array {
    const offsets = new Map(this.frames.map((frame, offset) => [parseFrame(frame).event.event_id as string, offset]));
    const counts = new Int32Array(this.records.length).fill(this.entriesBefore);
    for (const { sequence, eventId, text } of this.told.receipts) {
      const offset = offsets.get(eventId);
      assert.ok(offset !== undefined && receiptTextOf(this.frames[offset]!) === text, `receipt of ${eventId}`);
      counts[sequence] = Math.max(counts[sequence]!, offset + 1);
    }
    for (const { sequence, fact } of this.told.facts) {
      if (fact.kind === "head") counts[sequence] = Math.max(counts[sequence]!, fact.entries);
    }
    for (let at = 1; at < counts.length; at++) counts[at] = Math.max(counts[at]!, counts[at - 1]!);
    return counts;
  }
}
