/** `stateset-sequencer health`: is the service of this configuration ready? For container health checks: images hold no curl. */

/** Docker's own default for a check is 30 s; a service that takes this long is not well. */
const TIMEOUT_MS = 5_000;

/** Resolves to the exit code: 0 ready, 1 not. Prints one line. */
export async function healthCommand(place: { readonly HOST: string; readonly PORT: number }): Promise<number> {
  const url = `http://${reachable(place.HOST)}:${place.PORT}/ready`;
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    console.log(`${url}: ${response.status} ${await response.text()}`);
    return response.ok ? 0 : 1;
  } catch (error) {
    const { message, cause } = error as Error;
    console.log(`${url}: ${cause instanceof Error ? cause.message : message}`);
    return 1;
  }
}

/** Where a service that listens on `host` answers on the same machine. */
function reachable(host: string): string {
  if (host === "0.0.0.0" || host === "") return "127.0.0.1";
  if (host === "::") return "[::1]";
  return host.includes(":") ? `[${host}]` : host;
}
