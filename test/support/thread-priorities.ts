import { readdirSync, readFileSync } from "node:fs";

/** Nice values of a process's threads (Linux). */
export function threadPriorities(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).map((thread) => {
    const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, "utf8");
    // The name in parentheses may hold anything; nice is the 19th field, the 17th after it.
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[16]);
  });
}
