import { withDeadline } from "../deadline.js";
import type { Target } from "./call.js";
import { FrameSocket } from "./frame-socket.js";

const READ_MS_MAX = 30_000;

/** The next `count` entries from an offset on, as the service sends them. */
export function readFrames({ port, adminKey }: Target, fromOffset: number, count: number): Promise<Buffer[]> {
  const frames: Buffer[] = [];
  let socket: FrameSocket | undefined;
  const read = new Promise<Buffer[]>((resolve, reject) => {
    socket = new FrameSocket({
      port,
      path: `/subscribe?from_offset=${fromOffset}`,
      apiKey: adminKey,
      onOpen: () => {},
      onMessage: (payload) => {
        if (frames.length < count) frames.push(Buffer.from(payload));
        if (frames.length === count) resolve(frames);
      },
      onClosed: reject,
    });
  });
  return withDeadline(read, READ_MS_MAX, "reading frames").finally(() => socket?.[Symbol.dispose]());
}
