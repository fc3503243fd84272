import { expect, it } from "vitest";
import { FramePage, FramePageWriter } from "../../../src/store/frame-page.js";

function write(
  writer: FramePageWriter,
  frames: ReadonlyMap<number, Buffer>,
  nextOffset: number,
  spare?: ArrayBuffer,
): FramePage {
  writer.begin(spare);
  for (const [offset, frame] of frames) {
    const { page, at } = writer.room(frame.length);
    page.set(frame, at);
    writer.add(offset, at + frame.length);
  }
  return writer.finish(nextOffset);
}

/** Frames of `bytes` bytes each, at every third offset from `first` on. */
function framesOf(count: number, bytes: number, first = 0): Map<number, Buffer> {
  const frame = (index: number): Buffer => Buffer.from(JSON.stringify({ index, text: "x".repeat(bytes) }));
  return new Map(Array.from({ length: count }, (_, index) => [first + index * 3, frame(index)]));
}

it.each([
  [0, 0],
  [1, 5],
  [1, 100_000],
  [256, 1_500],
])("carries %d frames of %d bytes, one by one and as one array", (count, bytes) => {
  const frames = framesOf(count, bytes, 2 ** 40);
  const { packed } = write(new FramePageWriter(), frames, 2 ** 41);
  const page = new FramePage(packed);
  expect([page.count, page.nextOffset]).toEqual([count, 2 ** 41]);
  expect(page.entries).toEqual([...frames].map(([offset, frame]) => ({ offset, frame })));
  expect(page.array.toString()).toBe(`[${[...frames.values()].join(",")}]`);
  expect(packed.byteOffset).toBe(0);
  expect(page.bytesHeld).toBe(packed.buffer.byteLength);
});

it("holds at most twice what it carries, also after a much larger page", () => {
  const writer = new FramePageWriter();
  for (const [count, bytes] of [
    [256, 1_500],
    [1, 10],
    [3, 40_000],
    [0, 0],
  ] as const) {
    const page = write(writer, framesOf(count, bytes), 1_000);
    expect(page.bytesHeld).toBeLessThanOrEqual(2 * page.packed.length);
  }
});

it("forgets a page that was not finished", () => {
  const writer = new FramePageWriter();
  writer.begin();
  const { at } = writer.room(10);
  writer.add(7, at + 10);
  const frames = framesOf(2, 20);
  expect(write(writer, frames, 9).array.toString()).toBe(`[${[...frames.values()].join(",")}]`);
});

it("gives its buffer away once, and is not looked at after that", () => {
  const released: ArrayBuffer[] = [];
  const frames = framesOf(3, 50);
  const page = new FramePage(write(new FramePageWriter(), frames, 9).packed, (buffer) => released.push(buffer));
  expect(page.entries).toHaveLength(3);
  page.release();
  page.release();
  expect(released).toEqual([page.packed.buffer]);
  expect(() => page.entries).toThrow("released");
  expect(() => page.array).toThrow("released");
});

it("writes into a buffer it is given, whatever that held, and grows where it is too small", () => {
  const writer = new FramePageWriter();
  const frames = framesOf(20, 1_000);
  for (const bytes of [1, 1_000, 30_000, 100_000]) {
    const spare = new ArrayBuffer(bytes);
    new Uint8Array(spare).fill(0x7b);
    const page = write(writer, frames, 60, spare);
    expect(page.array.toString()).toBe(`[${[...frames.values()].join(",")}]`);
    expect(page.packed.buffer === spare).toBe(bytes === 30_000);
  }
});
