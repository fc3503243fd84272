/** Processes that must not outlive the bench, however it ends. */
const owned = new Set<number>();

/** A negative id names a process group. */
export function own(pid: number): void {
  owned.add(pid);
}

/** It ended by itself: the number may be somebody else's by now. */
export function disown(pid: number): void {
  owned.delete(pid);
}

export function killOwned(): void {
  for (const pid of owned) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // Gone already.
    }
  }
  owned.clear();
}

export function killOwnedAtExit(): void {
  process.on("exit", killOwned);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => process.exit(130));
}
