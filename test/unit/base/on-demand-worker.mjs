/** A thread of on-demand-threads.test.ts: does what its task says. */
import { existsSync } from "node:fs";
import { threadId, workerData } from "node:worker_threads";
import { answerTasks } from "../../../dist/src/base/thread-tasks.js";

if (workerData.needs !== undefined && !existsSync(workerData.needs)) throw new Error("it is not there");

answerTasks(({ kind, gate, bytes }) => {
  switch (kind) {
    case "name":
      return { value: threadId };
    case "wait":
      Atomics.add(gate, 1, 1);
      Atomics.notify(gate, 1);
      Atomics.wait(gate, 0, 0);
      return { value: threadId };
    case "double": {
      const twice = new Uint8Array([...bytes, ...bytes]);
      return { value: twice, transfer: [twice.buffer] };
    }
    case "throw":
      throw new RangeError("out of range");
    case "exit":
      process.exit(3);
  }
});
