/** Rejects after `msMax`: whatever a bench waits for, it does not hang. */
export async function withDeadline<T>(promise: Promise<T>, msMax: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took longer than ${msMax / 1000} s`)), msMax);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Asks every `everyMs` until the answer is true. */
export async function until(what: string, msMax: number, everyMs: number, isSo: () => Promise<boolean>): Promise<void> {
  const startedMs = performance.now();
  while (!(await isSo())) {
    if (performance.now() - startedMs > msMax) throw new Error(`${what} took longer than ${msMax / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
