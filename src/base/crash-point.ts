/**
 * Named places where a crash means something, for tests that crash there: `CRASH_POINT=<name>` or `<name>:<n>` ends the
 * process with SIGKILL the n-th time it is reached. Read once at start; unset, a call does nothing.
 */
export type CrashPoint =
  | "lane.begun"
  | "lane.written"
  | "lane.committed"
  | "lane.answered"
  | "revocation.written"
  | "revocation.committed"
  | "revocation.epoch-raised"
  | "checkpoint.begun"
  | "checkpoint.passive"
  | "checkpoint.restart"
  | "upgrade.slice-written"
  | "upgrade.slice-committed"
  | "migration.begun"
  | "migration.written"
  | "migration.committed";

const NOTHING = (_name: CrashPoint): void => {};

export const crashPoint: (name: CrashPoint) => void = install(process.env.CRASH_POINT);

function install(setting: string | undefined): (name: CrashPoint) => void {
  if (setting === undefined || setting === "") return NOTHING;
  const [armed, count = "1"] = setting.split(":");
  let left = Number(count);
  return (name) => {
    if (name !== armed || --left > 0) return;
    process.kill(process.pid, "SIGKILL");
    // The signal ends every thread; this one must not get any further meanwhile.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  };
}
