/** The SDK, and the verification of proofs, in a real browser, on a page whose origin is not the service's. */
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { kernelsUrl } from "../../src/stark/kernels.js";
import { startService, type TestService, uuid } from "../support/service.js";
import { fixtureProof, fixtureText } from "../unit/stark/fixtures.js";
import { Chromium, findChromium } from "./chromium.js";
import type { PageReport, PageTask } from "./page.js";

const chromium = findChromium();

const HTML =
  '<!doctype html><meta charset="utf-8"><title>An agent</title><script type="module" src="/page.js"></script>';

/** The application's own server: the page, its task, and where it reports to. */
class PageServer {
  readonly #server: Server;
  readonly #script: string;
  task: PageTask | null = null;
  #report: (report: unknown) => void = () => {};

  private constructor(script: string) {
    this.#script = script;
    this.#server = createServer((request, response) => void this.#serve(request, response));
  }

  static async start(): Promise<PageServer> {
    const page = fileURLToPath(new URL("page.ts", import.meta.url));
    const options = { bundle: true, format: "esm", platform: "browser", target: "es2022", write: false } as const;
    // The subscription would take it where the platform has no WebSocket.
    const { outputFiles } = await build({ ...options, entryPoints: [page], external: ["ws"], logLevel: "error" });
    const server = new PageServer(outputFiles[0]!.text);
    await new Promise<void>((resolve) => server.#server.listen(0, "127.0.0.1", resolve));
    return server;
  }

  /** By the name of the host two origins: only one of them is named to the service. */
  origin(host: string): string {
    return `http://${host}:${(this.#server.address() as AddressInfo).port}`;
  }

  /** What the page of that origin has to say. */
  async open(origin: string, task: PageTask): Promise<PageReport & { readonly failure?: string }> {
    this.task = task;
    const report = new Promise<unknown>((resolve) => {
      this.#report = resolve;
    });
    await using browser = new Chromium(chromium!, origin);
    return (await Promise.race([report, browser.ended])) as PageReport;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const answer = (type: string, body: string | Buffer): void =>
      void response.setHeader("content-type", type).end(body);
    if (request.url === "/") answer("text/html", HTML);
    else if (request.url === "/page.js") answer("text/javascript", this.#script);
    else if (request.url === "/kernels.wasm") answer("application/wasm", readFileSync(kernelsUrl));
    else if (request.url === "/task") answer("application/json", JSON.stringify(this.task));
    else if (request.url === "/report") {
      this.#report(JSON.parse(await text(request)));
      answer("text/plain", "");
    } else response.writeHead(404).end();
  }
}

describe.skipIf(chromium === null)("in Chromium", { timeout: 120_000 }, () => {
  let pages: PageServer;
  let service: TestService;
  let task: PageTask;

  beforeAll(async () => {
    pages = await PageServer.start();
    service = await startService({
      CORS_ALLOW_ORIGINS: `https://elsewhere.example, ${pages.origin("127.0.0.1")}`,
      ...{ VES_COMMIT_EVENTS_THRESHOLD: "1", TLOG_CHECKPOINT_INTERVAL_MS: "50" },
    });
    const [tenantId, storeId, agentId] = [uuid(), uuid(), uuid()];
    task = {
      ...{ url: service.url, tenantId, storeId, agentId },
      apiKey: await service.apiKey({ tenantId, permissions: "admin" }),
      checkpointKey: await checkpointKey(service),
      proof: { bytes: [...fixtureProof("c_default")], elements: fixtureText("c_default", "pi").split(",") },
    };
  });
  afterAll(async () => {
    pages?.close();
    await service?.[Symbol.asyncDispose]();
  });

  it("signs, submits, follows with verification, decrypts, audits and verifies a proof", async () => {
    const report = await pages.open(pages.origin("127.0.0.1"), task);
    expect(report).toEqual({
      origin: pages.origin("127.0.0.1"),
      accepted: 3,
      payloads: [0, 1, 2, 3].map((number) => ({ number })),
      states: expect.arrayContaining(["catching_up", "connecting", "live"]),
      ...{ loggedAt: 0, provenNumber: 1 },
      refusals: ["INVALID_API_KEY", "EVENT_NOT_FOUND"],
      verdicts: [true, false],
    });
  });

  it("reads nothing on a page whose origin nobody named", async () => {
    expect(await pages.open(pages.origin("localhost"), task)).toEqual({ failure: "CONNECTION_FAILED" });
  });
});

/** The first checkpoint is made a moment after the start. */
async function checkpointKey(service: TestService): Promise<string> {
  for (;;) {
    const { status, json } = await service.get("/api/v1/log/checkpoint");
    if (status === 200) return json.key;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
