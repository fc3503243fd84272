/**
 * The parts of an answer's body, until it ends or `signal` aborts: then it throws the signal's reason. Given to `fetch`
 * alone, a signal is good for the head of the answer: of what follows, Node 20's `fetch` holds it so weakly that once
 * memory was collected a body that never ends is waited for without end.
 */
export async function* bodyParts({ body }: Response, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  if (body === null) return;
  const reader = body.getReader();
  const cancel = (): void => void reader.cancel(signal.reason).catch(() => {});
  signal.addEventListener("abort", cancel, { once: true });
  try {
    for (;;) {
      const { done, value } = await reader.read();
      signal.throwIfAborted();
      if (done) return;
      yield value;
    }
  } finally {
    signal.removeEventListener("abort", cancel);
    cancel();
  }
}

/** All of them as one, null when they are more than `bytesMax`: the rest is not read then. */
export async function boundedBytes(parts: AsyncIterable<Uint8Array>, bytesMax: number): Promise<Uint8Array | null> {
  const kept: Uint8Array[] = [];
  let length = 0;
  for await (const part of parts) {
    length += part.length;
    if (length > bytesMax) return null;
    kept.push(part);
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of kept) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
