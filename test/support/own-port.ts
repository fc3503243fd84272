import { createServer } from "node:net";

/** Below the ports that systems give to whoever asks for any, so that nobody is given one of these. */
const FIRST = 10_000;
/** For each of the workers that run tests at a time. */
const PER_WORKER = 5_600;
const WORKERS = 4;

const first = FIRST + PER_WORKER * (Number(process.env.VITEST_POOL_ID ?? 0) % WORKERS);
let next = Math.floor(Math.random() * PER_WORKER);

/** A port that is free, and stays so until it is listened on, also between a service's end and its next start. */
export async function ownPort(): Promise<number> {
  for (;;) {
    const port = first + (next++ % PER_WORKER);
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer().once("error", () => resolve(false));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
  });
}
