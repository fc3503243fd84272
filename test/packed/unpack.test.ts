/** Where the one-file program puts its files: shared, damaged, forbidden and foreign places. */
import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, beforeEach, expect, inject, it } from "vitest";
import { BareMachine, cacheOf, unpackedIn } from "../support/packed.js";

/** Loads the machine code of the store and of signatures, prints and ends. */
const USE = ["verify-log", "--help"];
const FOLDER_VARIABLE = "STATESET_SEQUENCER_CACHE_DIR";
const EXIT_CANNOT_UNPACK = 73;
const OTHER_USER = 4711;
const STORE = "node_modules/better-sqlite3/build/Release/better_sqlite3.node";

const machine = new BareMachine(inject("packedFile"));
afterAll(() => machine[Symbol.dispose]());

let home: string;
let tmp: string;
let env: Record<string, string>;
beforeEach(() => {
  home = machine.folder();
  tmp = machine.folder();
  env = machine.env(home, { TMPDIR: tmp });
});

async function use(environment = env): Promise<string> {
  const ended = await machine.run(USE, environment);
  expect(ended).toMatchObject({ code: 0, stdout: expect.stringContaining("Usage: stateset-sequencer verify-log") });
  return ended.stderr;
}

/** In the temporary folder, after the places in the home could not be used. */
function unpackedInTmp(): string[] {
  const root = join(tmp, `stateset-sequencer-${process.getuid!()}`);
  return existsSync(root) ? readdirSync(root) : [];
}

/** Files are there to be read alone. */
function replace(path: string, text: string): void {
  rmSync(path);
  writeFileSync(path, text);
}

function mounted(options: string): Disposable | null {
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", options, "tmpfs", home], { stdio: "ignore" });
    return { [Symbol.dispose]: () => void execFileSync("umount", [home]) };
  } catch {
    return null;
  }
}

it("eight instances at once fill one folder", async () => {
  const all = await Promise.all(Array.from({ length: 8 }, () => use()));
  expect(all).toEqual(Array.from({ length: 8 }, () => ""));
  expect(await use()).toBe("");
  expect(statSync(unpackedIn(home)).mode & 0o077).toBe(0);
  expect(statSync(cacheOf(home)).mode & 0o077).toBe(0);
});

it("damage is found, said and repaired", async () => {
  await use();
  const folder = unpackedIn(home);
  const [lane, store, entry] = ["dist/workers/lane.js", STORE, "entry.cjs"].map((path) => join(folder, path)) as [
    string,
    string,
    string,
  ];
  const damages: readonly (() => void)[] = [
    () => replace(lane, "process.exit(9);"),
    () => rmSync(store),
    () => replace(entry, `${readFileSync(entry, "utf8")} `),
    () => writeFileSync(join(folder, "dist", "package.json"), `{"type":"commonjs"}`),
    () => symlinkSync("/etc/passwd", join(folder, "node_modules", "more.js")),
    () => {
      renameSync(join(folder, "dist", "src"), join(tmp, "src"));
      symlinkSync(join(tmp, "src"), join(folder, "dist", "src"));
    },
    () => rmSync(join(folder, "dist"), { recursive: true }),
  ];
  for (const damage of damages) {
    damage();
    const { code, stdout, stderr } = await machine.run(["--unpack"], env);
    expect([code, stdout]).toEqual([0, `${folder}\n`]);
    expect(stderr).toContain("is not what was unpacked; repairing");
  }
  expect(await use()).toBe("");
});

it("eight instances at once repair one folder", async () => {
  await use();
  const folder = unpackedIn(home);
  replace(join(folder, "dist/workers/lane.js"), "process.exit(9);");
  rmSync(join(folder, STORE));
  await Promise.all(Array.from({ length: 8 }, () => use()));
  expect(await use()).toBe("");
  expect(unpackedIn(home)).toBe(folder);
});

it("from a noexec home it goes on to the temporary folder, and a noexec folder it was given is refused", async () => {
  using mount = mounted("noexec,size=64m");
  if (mount === null) {
    console.log("noexec home: this user may not mount, so the kernel's answer could not be had");
    return;
  }
  expect(await use()).toBe("");
  expect(unpackedInTmp()).toHaveLength(1);
  expect(readdirSync(cacheOf(home))).toEqual([]);
  const refused = await machine.run(USE, { ...env, [FOLDER_VARIABLE]: join(home, "given") });
  expect(refused).toMatchObject({ code: EXIT_CANNOT_UNPACK, stderr: expect.stringContaining("noexec") });
});

it("where nothing is writable it names every place and exits 73", async () => {
  const nowhere = { ...env, HOME: "/proc", XDG_CACHE_HOME: "/sys", TMPDIR: "/proc" };
  const { code, stdout, stderr } = await machine.run(USE, nowhere);
  expect([code, stdout]).toEqual([EXIT_CANNOT_UNPACK, ""]);
  for (const place of ["/sys/stateset-sequencer", "/proc/.cache/stateset-sequencer", "/proc/stateset-sequencer-"]) {
    expect(stderr).toContain(place);
  }
  expect(stderr).toContain(FOLDER_VARIABLE);
  expect(await use({ ...nowhere, TMPDIR: tmp })).toBe("");
});

it("a folder that others may write to is not used", async () => {
  mkdirSync(cacheOf(home), { recursive: true });
  chmodSync(cacheOf(home), 0o777);
  expect(await use()).toBe("");
  expect(readdirSync(cacheOf(home))).toEqual([]);
  expect(unpackedInTmp()).toHaveLength(1);
  const given = await machine.run(USE, { ...env, [FOLDER_VARIABLE]: cacheOf(home) });
  expect(given).toMatchObject({ code: EXIT_CANNOT_UNPACK, stderr: expect.stringContaining("others may write") });
});

it("a folder of another user is not used, and root's may be shared with others", async () => {
  if (process.getuid?.() !== 0) {
    console.log("folders of other users: only root can make them");
    return;
  }
  mkdirSync(cacheOf(home), { recursive: true, mode: 0o700 });
  chownSync(cacheOf(home), OTHER_USER, OTHER_USER);
  expect(await use()).toBe("");
  expect(readdirSync(cacheOf(home))).toEqual([]);

  // As in a container image: unpacked by root when it was built, readable to the user the service runs as.
  const image = machine.folder();
  const inImage = { ...env, HOME: "/", [FOLDER_VARIABLE]: image };
  expect((await machine.run(["--unpack"], inImage)).stdout).toBe(`${join(image, readdirSync(image)[0]!)}\n`);
  execFileSync("chmod", ["-R", "a+rX", image]);
  const before = statSync(image).mtimeMs;
  const asOther = await machine.run(USE, inImage, { uid: OTHER_USER });
  expect(asOther).toMatchObject({ code: 0, stderr: "" });
  expect(statSync(image).mtimeMs).toBe(before);
  appendFileSync(join(image, readdirSync(image)[0]!, "entry.cjs"), " ");
  expect(await machine.run(USE, inImage, { uid: OTHER_USER })).toMatchObject({ code: EXIT_CANNOT_UNPACK });
});

it("folders of other builds go when nobody has used them for a month", async () => {
  const monthAgo = new Date(Date.now() - 31 * 24 * 60 * 60 * 1000);
  mkdirSync(cacheOf(home), { recursive: true, mode: 0o700 });
  const [old, recent, foreign, halfDone] = ["a".repeat(64), "b".repeat(64), "notes", ".unpack-gone"];
  for (const name of [old, recent, foreign, halfDone]) {
    const folder = join(cacheOf(home), name);
    mkdirSync(folder);
    writeFileSync(join(folder, "file"), "");
    if (name !== recent) utimesSync(folder, monthAgo, monthAgo);
  }
  await use();
  const left = readdirSync(cacheOf(home));
  expect(left).toHaveLength(3);
  expect(left).toEqual(expect.arrayContaining([recent, foreign]));
});

it("a folder in use is kept fresh", async () => {
  await use();
  const folder = unpackedIn(home);
  const monthAgo = new Date(Date.now() - 31 * 24 * 60 * 60 * 1000);
  utimesSync(folder, monthAgo, monthAgo);
  await use();
  expect(statSync(folder).mtimeMs).toBeGreaterThan(monthAgo.getTime());
});
