export interface Target {
  readonly port: number;
  readonly adminKey: string;
}

const CALL_MS_MAX = 30_000;

/** For everything that is not measured. Throws on any answer but 200. */
export async function call(
  target: Target,
  method: string,
  path: string,
  body: string | Uint8Array | null,
): Promise<unknown> {
  const response = await fetch(`http://127.0.0.1:${target.port}${path}`, {
    method,
    headers: { authorization: `ApiKey ${target.adminKey}`, "content-type": "application/json" },
    body: body as BodyInit | null,
    signal: AbortSignal.timeout(CALL_MS_MAX),
  });
  const text = await response.text();
  if (response.status !== 200) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return JSON.parse(text);
}

/** Offset of the next entry of the log. */
export async function headOf(target: Target): Promise<number> {
  return ((await call(target, "GET", "/api/v1/head", null)) as { next_offset: number }).next_offset;
}
