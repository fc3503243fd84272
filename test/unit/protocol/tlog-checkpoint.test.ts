/** C2SP tlog-checkpoint. */
import { describe, expect, it } from "vitest";
import { encodeBase64 } from "../../../src/base/base64.js";
import { checkpointText, parseCheckpointText } from "../../../src/protocol/tlog-checkpoint.js";

describe("checkpoint texts", () => {
  const root = new Uint8Array(32).fill(9);

  it("come back from their text", () => {
    for (const size of [0, 1, 20_852_163, Number.MAX_SAFE_INTEGER]) {
      const checkpoint = { origin: "example.com/log", size, root };
      expect(parseCheckpointText(checkpointText(checkpoint))).toEqual(checkpoint);
      expect(parseCheckpointText(`${checkpointText(checkpoint)}extension\n`)).toEqual(checkpoint);
    }
  });

  it("are refused in any other form", () => {
    const hash = encodeBase64(root);
    const texts = [
      `o\n1\n${hash}`,
      `o\n1\n`,
      `o\n01\n${hash}\n`,
      `o\n-1\n${hash}\n`,
      `o\n1\n${hash}\n\n`,
      `\n1\n${hash}\n`,
    ];
    for (const text of [...texts, `o\n9007199254740993\n${hash}\n`, `o\n1\n${hash.slice(4)}\n`, `o\n1 \n${hash}\n`]) {
      expect(parseCheckpointText(text), JSON.stringify(text)).toBeNull();
    }
  });
});
