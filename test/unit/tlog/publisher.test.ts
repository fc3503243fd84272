import { describe, expect, it } from "vitest";
import { type Cosigner, Publisher } from "../../../src/tlog/publisher.js";
import type { SignedCheckpoint } from "../../../src/tlog/tlog-message.js";

/** Which checkpoint is served when, with witnesses that answer when the test says so. */

class SlowCosigner implements Cosigner {
  readonly asked: number[] = [];
  #settle: { resolve(line: string): void; reject(error: Error): void } | null = null;

  constructor(readonly name: string) {}

  cosign(_note: string, size: number): Promise<string> {
    this.asked.push(size);
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
  }

  async sign(): Promise<void> {
    this.#settle!.resolve(`${this.name} ${this.asked.at(-1)}\n`);
    await turn();
  }

  async fail(): Promise<void> {
    this.#settle!.reject(new Error("no"));
    await turn();
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const checkpoint = (size: number): SignedCheckpoint => ({
  note: `note ${size}\n`,
  size,
  root: new Uint8Array(32),
  cosignatures: 0,
});

function setUp(names: readonly string[], quorum: number) {
  const cosigners = names.map((name) => new SlowCosigner(name));
  const served: string[] = [];
  const failures: string[] = [];
  const publisher = new Publisher({
    ...{ cosigners, quorum },
    onServed: ({ note }) => served.push(note),
    onFailure: (name) => failures.push(name),
  });
  return { publisher, cosigners, served, failures };
}

describe("the publisher", () => {
  it("serves at once without a quorum, and again with each cosignature", async () => {
    const { publisher, cosigners, served } = setUp(["a", "b"], 0);
    publisher.add(checkpoint(1));
    await cosigners[0]!.sign();
    await cosigners[1]!.sign();
    expect(served).toEqual(["note 1\n", "note 1\na 1\n", "note 1\na 1\nb 1\n"]);
  });

  it("never goes back to an older checkpoint for a late cosignature", async () => {
    const { publisher, cosigners, served } = setUp(["a"], 0);
    publisher.add(checkpoint(1));
    publisher.add(checkpoint(2));
    publisher.add(checkpoint(3));
    await cosigners[0]!.sign();
    expect(served).toEqual(["note 1\n", "note 2\n", "note 3\n"]);
    expect(cosigners[0]!.asked).toEqual([1, 3]);
    await cosigners[0]!.sign();
    expect(served.at(-1)).toBe("note 3\na 3\n");
  });

  it("waits for the quorum on one checkpoint, however many newer ones there are", async () => {
    const { publisher, cosigners, served } = setUp(["fast", "slow", "dead"], 2);
    const [fast, slow] = cosigners;
    publisher.add(checkpoint(1));
    await fast!.sign();
    for (let size = 2; size < 10; size++) publisher.add(checkpoint(size));
    expect(fast!.asked).toEqual([1]);
    expect(served).toEqual([]);
    await slow!.sign();
    expect(served).toEqual(["note 1\nfast 1\nslow 1\n"]);
    expect(fast!.asked).toEqual([1, 9]);
    expect(slow!.asked).toEqual([1, 9]);
    await slow!.sign();
    await fast!.sign();
    expect(served.at(-1)).toBe("note 9\nslow 9\nfast 9\n");
  });

  it("asks again after a failure: with the next checkpoint, or when told to", async () => {
    const { publisher, cosigners, served, failures } = setUp(["a"], 1);
    publisher.add(checkpoint(1));
    await cosigners[0]!.fail();
    expect(served).toEqual([]);
    publisher.retry();
    await cosigners[0]!.fail();
    expect(failures).toEqual(["a"]);
    publisher.add(checkpoint(2));
    await cosigners[0]!.sign();
    expect(cosigners[0]!.asked).toEqual([1, 1, 2]);
    expect(served).toEqual(["note 2\na 2\n"]);
  });
});
