import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterEach, beforeEach, expect, it } from "vitest";
import {
  encodeNoteKey,
  NOTE_COSIGNATURE,
  NOTE_ED25519,
  parseNoteKey,
  signNote,
} from "../../../src/protocol/signed-note.js";
import { checkpointText } from "../../../src/protocol/tlog-checkpoint.js";
import { TileTree } from "../../../src/protocol/tlog-tile-tree.js";
import { consistencyProof, leafHash, treeRoot } from "../../../src/protocol/tlog-tree.js";
import { WitnessClient } from "../../../src/tlog/witness-client.js";
import { selectEd25519 } from "../../../src/verify/ed25519-native.js";
import { TestWitness } from "../../support/witness.js";

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

// One that begins an answer and never ends it is given up like one that says nothing, whenever memory is collected.
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

const ORIGIN = "log.example/1";
const SEED = new Uint8Array(32).fill(5);

const tree = new TileTree(0, () => null);
for (let leaf = 0; leaf < 9; leaf++) tree.append(leafHash(Uint8Array.of(leaf)));

const checkpoint = (size: number): string =>
  signNote(checkpointText({ origin: ORIGIN, size, root: treeRoot(tree, size) }), ORIGIN, SEED, ed25519);

/** As of a process that has just begun: it does not know what the witness has seen. */
function clientOf(witness: TestWitness): WitnessClient {
  const proof = (from: number, to: number) => consistencyProof(tree, from, to);
  return new WitnessClient({ url: witness.url, key: parseNoteKey(witness.key)!, ed25519, timeoutMs: 60_000, proof });
}

async function witnessOf(size: number): Promise<TestWitness> {
  const witness = await TestWitness.start("witness.example");
  witness.logKey = encodeNoteKey({ name: ORIGIN, type: NOTE_ED25519, publicKey: ed25519.publicKey(SEED) });
  if (size > 0) await clientOf(witness).cosign(checkpoint(size), size);
  witness.answers.length = 0;
  return witness;
}

it.each([
  ["the same checkpoint", 5],
  ["an older one", 3],
])("goes on from where a witness says it is: %s", async (_, size) => {
  await using witness = await witnessOf(size);
  const client = clientOf(witness);
  expect(await client.cosign(checkpoint(5), 5)).toMatch(/^\u2014 witness.example /);
  expect(witness.answers).toEqual([409, 200]);
  // Now it knows.
  expect(await client.cosign(checkpoint(9), 9)).toMatch(/^\u2014 witness.example /);
  expect(witness.answers).toEqual([409, 200, 200]);
});

it.each<[string, string, RegExp]>([
  ["has seen more than there is", "6\n", /has seen 6 entries of this log, more than there are: a fork/],
  ["names no size", "05\n", /at a size it does not name/],
])("gives a witness up that %s, and asks it once", async (_, body, reason) => {
  await using witness = await witnessOf(0);
  witness.mood = { status: 409, body };
  await expect(clientOf(witness).cosign(checkpoint(5), 5)).rejects.toThrow(reason);
  expect(witness.answers).toEqual([409]);
});

it("gives a witness up that is elsewhere again when it is asked again", async () => {
  await using witness = await witnessOf(0);
  witness.mood = { status: 409, body: "4\n" };
  await expect(clientOf(witness).cosign(checkpoint(5), 5)).rejects.toThrow("the witness answered 409");
  expect(witness.answers).toEqual([409, 409]);
});
