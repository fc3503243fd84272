/** `stateset-sequencer-admin` as a program: its usage, its exit codes, and that it keeps away from a running service. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { expect, it } from "vitest";
import { packageRoot } from "../../src/base/asset-paths.js";
import { startService } from "../support/service.js";

const BACKFILL = "backfill-ves-state-roots";

async function admin(...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [join(packageRoot, "dist", "src", "cli", "admin.js"), ...args]);
  const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), exited]);
  return { code, stdout, stderr };
}

it("explains itself and refuses what it does not know", async () => {
  for (const args of [[], ["help"], ["-h"], ["--help"]]) {
    expect(await admin(...args)).toMatchObject({ code: 0, stdout: expect.stringContaining(BACKFILL), stderr: "" });
  }
  for (const flag of ["-h", "--help"]) expect((await admin(BACKFILL, flag)).stdout).toContain("--dry-run");
  expect((await admin("help", BACKFILL)).stdout).toContain("--dry-run");
  expect((await admin("--version")).code).toBe(0);
  for (const args of [
    ["nothing"],
    ["help", "nothing"],
    [BACKFILL, "--store-id", "00000000-0000-0000-0000-000000000001"],
    [BACKFILL, "--tenant-id", "x"],
    [BACKFILL, "--data-dir", "/nonexistent"],
    [BACKFILL, "--nothing"],
  ]) {
    const refused = await admin(...args);
    expect([refused.code, args]).toEqual([2, args]);
    expect(refused.stderr).toContain("stateset-sequencer-admin: ");
  }
});

it("waits for the service to be stopped, then finds nothing to repair in what it made", async () => {
  await using service = await startService();
  const agent = await service.agent();
  await agent.ingest([agent.sign(), agent.sign()]);
  const stream = { tenant_id: agent.tenantId, store_id: agent.storeId };
  await service.post("/api/v1/ves/commitments", { ...stream, max_events: 1 });
  await service.post("/api/v1/ves/commitments", stream);
  expect((await admin(BACKFILL, "--data-dir", service.folder)).code).toBe(75);
  await service.process.stop();
  for (const [flag, done] of [
    ["--dry-run", "would_fill=0"],
    ["--force", "filled=0"],
  ] as const) {
    const { code, stdout } = await admin(BACKFILL, "--data-dir", service.folder, flag);
    expect(code).toBe(0);
    expect(stdout).toContain(`${agent.tenantId}/${agent.storeId}: commitments=2 ${done}`);
    expect(stdout).toContain("ok: streams=1 commitments=2");
  }
});
