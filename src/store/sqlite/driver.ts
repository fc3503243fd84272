/**
 * Where SQLite comes from. better-sqlite3 12 is the last for Node 20, and ends Node 24 and later: from there on the class it
 * wraps statements in asks, when one is collected, for an environment that the collector has not entered (`hooks.cc`, `env != nullptr`).
 */
import { createRequire } from "node:module";
import Database from "better-sqlite3";

const FIRST_NODE_ENDED = 24;
const FIRST_SOUND_DRIVER = 13;

/** As `new Database`; throws before anything is opened where the driver would end the process some time later. */
export function openDatabase(path: string, options: Database.Options = {}): Database.Database {
  const fault = driverFault(process.versions.node, installedDriver);
  if (fault !== null) throw new Error(fault);
  return new Database(path, options);
}

/** Why these two versions cannot serve together, null if they can. The driver's is a file to be read: asked for only where it matters. */
export function driverFault(node: string, versionOfDriver: () => string): string | null {
  if (majorOf(node) < FIRST_NODE_ENDED) return null;
  const driver = versionOfDriver();
  if (majorOf(driver) >= FIRST_SOUND_DRIVER) return null;
  return `Node ${node} is ended by better-sqlite3 ${driver}: install a later one (npm i better-sqlite3@${FIRST_SOUND_DRIVER}), or run Node 20 or 22`;
}

function installedDriver(): string {
  return (createRequire(import.meta.url)("better-sqlite3/package.json") as { version: string }).version;
}

function majorOf(version: string): number {
  return Number.parseInt(version, 10);
}
