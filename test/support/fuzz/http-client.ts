/** Many small requests over a few kept connections: what `fetch` costs too much for. */
import { Agent, request } from "node:http";

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

export class HttpClient implements Disposable {
  readonly #agent: Agent;
  readonly #port: number;
  readonly #key: string;

  constructor(port: number, key: string, connections: number) {
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections });
    this.#port = port;
    this.#key = key;
  }

  post(path: string, body: Uint8Array | string): Promise<HttpAnswer> {
    return this.send("POST", path, body);
  }

  send(
    method: string,
    path: string,
    body?: Uint8Array | string,
    extra: Record<string, string> = {},
  ): Promise<HttpAnswer> {
    const headers: Record<string, string> = { authorization: `ApiKey ${this.#key}`, ...extra };
    if (body !== undefined) {
      headers["content-type"] ??= "application/json";
      headers["content-length"] = String(Buffer.byteLength(body));
    }
    return new Promise((resolve, reject) => {
      const sent = request({ agent: this.#agent, port: this.#port, host: "127.0.0.1", method, path, headers });
      sent.once("error", reject);
      sent.once("response", (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.once("error", reject);
        response.once("end", () => {
          const text = Buffer.concat(chunks).toString();
          resolve({ status: response.statusCode!, headers: new Headers(response.headers as HeadersInit), text });
        });
      });
      sent.end(body);
    });
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}
