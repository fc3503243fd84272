import { describe, expect, it } from "vitest";
import { toHex, utf8 } from "../../../src/base/bytes.js";
import { type AuditLink, LogAudit } from "../../../src/client/log-audit.js";
import { encodeNoteKey, NOTE_ED25519, signNote } from "../../../src/protocol/signed-note.js";
import { checkpointText } from "../../../src/protocol/tlog-checkpoint.js";
import { consistencyProof, leafHash, nodeHash, type TreeNodes, treeRoot } from "../../../src/protocol/tlog-tree.js";
import { selectEd25519 } from "../../../src/verify/ed25519-native.js";

/** Calls of one audit at the same time, answered in any order: an honest log is never accused, a fork never passed over. */

const ed25519 = selectEd25519();
const seed = new Uint8Array(32).fill(9);
const origin = "log.example/audited/1";
const key = encodeNoteKey({ name: origin, type: NOTE_ED25519, publicKey: ed25519.publicKey(seed) });

/** A log whose entries are these texts. */
function logOf(entries: readonly string[]): TreeNodes {
  const nodes: TreeNodes = {
    node: (height, index) =>
      height === 0
        ? leafHash(utf8(entries[index]!))
        : nodeHash(nodes.node(height - 1, 2 * index), nodes.node(height - 1, 2 * index + 1)),
  };
  return nodes;
}

function signed(log: TreeNodes, size: number): string {
  return signNote(checkpointText({ origin, size, root: treeRoot(log, size) }), origin, seed, ed25519);
}

interface Asked {
  readonly path: string;
  readonly query: Readonly<Record<string, string | number>>;
  answer(value: unknown): void;
}

/** A service that answers when the test says so. */
class HeldLink implements AuditLink {
  readonly ed25519 = ed25519;
  readonly asked: Asked[] = [];

  ask(path: string, query: Asked["query"]): Promise<unknown> {
    return new Promise((answer) => this.asked.push({ path, query, answer }));
  }

  /** Answers all there is to answer, the newest question first, until nothing more is asked. */
  async answerNewestFirst(reply: (asked: Asked) => unknown): Promise<void> {
    for (;;) {
      await new Promise((next) => setImmediate(next));
      const asked = this.asked.pop();
      if (asked === undefined) return;
      asked.answer(reply(asked));
    }
  }
}

describe("calls of an audit at the same time", () => {
  it("accuse no log that grows between their answers", async () => {
    const log = logOf(["a", "b", "c", "d", "e", "f", "g"]);
    for (const position of [null, signed(log, 2)]) {
      const link = new HeldLink();
      const audit = new LogAudit({ key, position }, link);
      const advanced = Promise.all([audit.advance(), audit.advance(), audit.advance()]);
      let size = 3;
      await link.answerNewestFirst(({ path, query }) => {
        if (path.endsWith("checkpoint")) return { checkpoint: signed(log, ++size) };
        const { from, to } = query as { from: number; to: number };
        return { from, to, proof: consistencyProof(log, from, to).map(toHex) };
      });
      expect((await advanced).map((checkpoint) => checkpoint.size)).toEqual([4, 5, 6]);
      expect(audit.checkpoint?.size).toBe(6);
      expect(audit.position).toBe(signed(log, 6));
    }
  });

  it("find a log out that shows each of them another history", async () => {
    const histories = [logOf(["a", "b", "c"]), logOf(["a", "b", "X", "d"])];
    const link = new HeldLink();
    const audit = new LogAudit({ key, position: signed(histories[0]!, 2) }, link);
    const advanced = Promise.allSettled([audit.advance(), audit.advance()]);
    let shown = 0;
    await link.answerNewestFirst(({ path, query }) => {
      if (path.endsWith("checkpoint")) return { checkpoint: signed(histories[shown]!, 3 + shown++) };
      const { from, to } = query as { from: number; to: number };
      return { from, to, proof: consistencyProof(histories[to - 3]!, from, to).map(toHex) };
    });
    const [first, second] = await advanced;
    expect(first).toMatchObject({ status: "fulfilled", value: { size: 3 } });
    expect(second).toMatchObject({ status: "rejected", reason: { code: "LOG_FORKED" } });
    expect(audit.position).toBe(signed(histories[0]!, 3));
  });

  it("go on after one of them failed", async () => {
    const log = logOf(["a", "b"]);
    const link = new HeldLink();
    const audit = new LogAudit({ key }, link);
    const advanced = Promise.allSettled([audit.advance(), audit.advance()]);
    let answers = 0;
    await link.answerNewestFirst(() => ({ checkpoint: answers++ === 0 ? "nonsense" : signed(log, 2) }));
    expect(await advanced).toMatchObject([
      { status: "rejected", reason: { code: "CHECKPOINT_INVALID" } },
      { status: "fulfilled", value: { size: 2 } },
    ]);
  });
});
