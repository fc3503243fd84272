import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterEach, beforeEach, expect, it } from "vitest";
import { NOTE_COSIGNATURE } from "../../../src/protocol/signed-note.js";
import { WitnessClient } from "../../../src/tlog/witness-client.js";
import { selectEd25519 } from "../../../src/verify/ed25519-native.js";

/** A witness that begins an answer and never ends it is given up like one that says nothing, whenever memory is collected. */

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

let begin: (response: ServerResponse) => void;
const server = createServer((request, response) => {
  request.resume().once("end", () => begin(response));
});

beforeEach(async () => {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await once(server, "close");
});

const ed25519 = selectEd25519();

it.each<[string, typeof begin]>([
  ["says nothing", () => {}],
  ["stops behind the head", (response) => response.flushHeaders()],
  ["stops in the body", (response) => response.write("\u2014 ")],
  [
    "goes on for ever, slowly",
    (response) => {
      const drip = setInterval(() => response.write("x"), 10);
      response.once("close", () => clearInterval(drip));
    },
  ],
])("gives a witness up that %s", async (_, behave) => {
  begin = behave;
  const client = new WitnessClient({
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    key: { name: "witness.example", type: NOTE_COSIGNATURE, publicKey: ed25519.publicKey(new Uint8Array(32).fill(1)) },
    ed25519,
    timeoutMs: 200,
    proof: () => [],
  });
  const collecting = setInterval(collectGarbage, 20);
  try {
    await expect(client.cosign("a note\n\n", 1)).rejects.toThrow(/due to timeout/);
  } finally {
    clearInterval(collecting);
  }
});
