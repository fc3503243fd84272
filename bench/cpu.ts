/** Who used the processors: of the service, of everybody. Read from /proc; null where there is none. */
import { readFileSync } from "node:fs";

/** Unit of the kernel's counters: 1/100 s on every Linux that Node runs on. */
const MS_PER_TICK = 10;

/** CPU time of a process and its threads so far, user and system, in milliseconds (steps of 10). */
export function processCpuMs(pid: number): number | null {
  return cpuMs(`/proc/${pid}/stat`);
}

function cpuMs(path: string): number | null {
  const text = readOrNull(path);
  if (text === null) return null;
  // Fields after the command's name, which may hold spaces: utime and stime are the 14th and 15th of the line.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * MS_PER_TICK;
}

/** The same of one thread of a process; the main thread has the process's id. */
export function threadCpuMs(pid: number, thread: number): number | null {
  return cpuMs(`/proc/${pid}/task/${thread}/stat`);
}

/** Resident memory of a process in MiB. */
export function processRssMib(pid: number): number | null {
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readOrNull(`/proc/${pid}/status`) ?? "");
  return kib === null ? null : Number(kib[1]) / 1024;
}

/**
 * CPU time that was not idle, of all processors, what the hypervisor gave to others (steal) included. Interrupts are left
 * out: those of loopback traffic are this bench's own and no process's.
 */
export function machineBusyMs(): number | null {
  const text = readOrNull("/proc/stat");
  if (text === null) return null;
  const [user, nice, system, , , , , steal] = text.slice(0, text.indexOf("\n")).split(/\s+/).slice(1).map(Number);
  return (user! + nice! + system! + steal!) * MS_PER_TICK;
}

function readOrNull(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}
