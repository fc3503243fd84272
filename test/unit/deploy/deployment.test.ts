/**
 * What the files for containers, Kubernetes and systemd must say for one writer, no privileges and a clean end. No engine runs them here:
 * these are the facts in the text, held against the service's own.
 */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { NODE_VERSION } from "../../../packaging/targets.js";
import { PROBLEMS } from "../../../src/api/problem.js";
import { packageRoot } from "../../../src/base/asset-paths.js";
import { ENGINE_FLAGS, SERVICE_NODE_FLAGS } from "../../../src/base/worker-limits.js";
import { type MetricSources, Metrics } from "../../../src/ops/metrics.js";
import { OPTIONS } from "../../../src/options-table.js";

const read = (path: string): string => readFileSync(join(packageRoot, path), "utf8");

const dockerfile = read("Dockerfile");
const compose = read("compose.yaml");
const kubernetes = (name: string): string => read(`deploy/kubernetes/${name}.yaml`);
const deployment = kubernetes("deployment");
const unit = read("deploy/systemd/stateset-sequencer.service");

/** The number or word after `key:` or `key=`, which must stand there exactly once. */
function fieldOf(text: string, key: string): string {
  const found = [...text.matchAll(new RegExp(`^[ \\t-]*${key}[:=][ \\t]*(.*)$`, "gm"))];
  expect(found, key).toHaveLength(1);
  return found[0]![1]!;
}

it("Kubernetes cannot start a second writer", () => {
  expect(fieldOf(deployment, "replicas")).toBe("1");
  expect(deployment).toMatch(/strategy:\n\s+type: Recreate\n/);
  expect(fieldOf(kubernetes("volume-claim"), "accessModes")).toBe("[ReadWriteOncePod]");
  expect(deployment).toContain(`claimName: ${fieldOf(kubernetes("volume-claim"), "  name")}`);
  for (const file of readdirSync(join(packageRoot, "deploy/kubernetes"))) {
    expect(read(`deploy/kubernetes/${file}`)).not.toMatch(/HorizontalPodAutoscaler|RollingUpdate/);
  }
});

it("everything in deploy/kubernetes is applied, and selects the same pods", () => {
  const listed = [...kubernetes("kustomization").matchAll(/^ {2}- ([a-z-]+\.yaml)$/gm)].map(([, file]) => file);
  const present = readdirSync(join(packageRoot, "deploy/kubernetes")).filter((file) => file !== "kustomization.yaml");
  expect(listed.sort()).toEqual(present.sort());
  for (const name of ["service", "network-policy"]) {
    expect(kubernetes(name)).toContain("app.kubernetes.io/name: stateset-sequencer");
  }
});

it("nothing runs as root, writes outside its volumes or gains privileges", () => {
  expect(dockerfile.lastIndexOf("USER 65532:65532")).toBeGreaterThan(dockerfile.lastIndexOf("FROM"));
  for (const service of compose.split(/^ {2}(?=\w+:\n {4}(?:build|image):)/m).slice(1)) {
    expect(fieldOf(service, "read_only")).toBe("true");
    expect(fieldOf(service, "cap_drop")).toBe("[ALL]");
    expect(fieldOf(service, "security_opt")).toBe('["no-new-privileges:true"]');
    expect(service).toMatch(/- 127\.0\.0\.1:\d+:\d+/);
  }
  expect(fieldOf(deployment, "runAsNonRoot")).toBe("true");
  expect(fieldOf(deployment, "readOnlyRootFilesystem")).toBe("true");
  expect(fieldOf(deployment, "allowPrivilegeEscalation")).toBe("false");
  expect(fieldOf(deployment, "drop")).toBe("[ALL]");
  expect(fieldOf(deployment, "runAsUser")).toBe("65532");
  expect(fieldOf(unit, "DynamicUser")).toBe("yes");
  expect(fieldOf(unit, "ProtectSystem")).toBe("strict");
  expect(fieldOf(unit, "UnsetEnvironment")).toBe("NODE_OPTIONS");
});

it("the unit's filter lets Node start: it asks for memory protection keys, and a filter without an error number kills", () => {
  expect(fieldOf(unit, "SystemCallFilter").split(" ")).toEqual(["@system-service", "@pkey"]);
  expect(fieldOf(unit, "SystemCallErrorNumber")).toBe("EPERM");
});

it("systemd starts it again however often it failed, except for what no start mends", () => {
  expect(fieldOf(unit, "Restart")).toBe("always");
  expect(fieldOf(unit, "StartLimitIntervalSec")).toBe("0");
  expect(fieldOf(unit, "RestartPreventExitStatus")).toBe("2 73");
});

it("the Compose file's key outlives the shell it was made in, outside of the repository", () => {
  for (const text of [compose, read("deploy/README.md")]) {
    expect(text).toContain('echo "BOOTSTRAP_ADMIN_API_KEY=ss_$(openssl rand -hex 24)" > .env');
  }
  expect(read(".gitignore").split("\n")).toContain(".env");
});

it("starts Node with the same arguments, however the service is started", () => {
  const flags = SERVICE_NODE_FLAGS.join(" ");
  expect(read("package.json")).toContain(`"start": "exec node ${flags} dist/src/main.js"`);
  expect(read("src/main.ts")).toMatch(new RegExp(`^#!/usr/bin/env -S node ${flags}\n`));
  expect(dockerfile).toContain(`NODE_OPTIONS="${flags}"\n`);
  expect(fieldOf(unit, "ExecStart")).toContain(`"NODE_OPTIONS=${flags}" `);
});

it("tells the engine nothing that it does not know", () => {
  const known = spawnSync(process.execPath, ["--v8-options"], { encoding: "utf8" }).stdout;
  for (const flag of ENGINE_FLAGS) expect(known).toContain(`  ${flag.replace("--no-", "--")} (`);
});

it("whoever stops the service waits longer than its own deadline", () => {
  const deadline = OPTIONS.SHUTDOWN_DEADLINE_SECS.default;
  expect(Number.parseInt(fieldOf(compose, "stop_grace_period"), 10)).toBeGreaterThan(deadline);
  expect(Number(fieldOf(deployment, "terminationGracePeriodSeconds"))).toBeGreaterThan(deadline);
  expect(Number(fieldOf(unit, "TimeoutStopSec"))).toBeGreaterThan(deadline);
});

it("is asked on the port it listens on, by routes it has, with a log of its own on a volume", () => {
  const port = String(OPTIONS.PORT.default);
  expect(dockerfile).toContain(`EXPOSE ${port}\n`);
  expect(fieldOf(deployment, "containerPort")).toBe(port);
  expect(kubernetes("network-policy")).toContain(`port: ${port}\n`);
  expect(read("deploy/prometheus.yml")).toContain(`targets: [sequencer:${port}]`);
  expect(dockerfile).toContain('CMD ["stateset-sequencer", "health"]');
  expect([...deployment.matchAll(/path: (\/\S+)/g)].map(([, path]) => path)).toEqual(["/health", "/health", "/ready"]);
  expect(dockerfile).toContain("VOLUME /data\n");
  expect(compose).toContain("- data:/data\n");
  expect(deployment).toContain("mountPath: /data\n");
});

it("names only options the service has", () => {
  const known = new Set([...Object.keys(OPTIONS), "STATESET_SEQUENCER_CACHE_DIR", "NODE_OPTIONS"]);
  const settings = /\b([A-Z]+_[A-Z_]+)(?=[=:])|- name: ([A-Z]+_[A-Z_]+)$/gm;
  const options = [dockerfile, compose, deployment, unit].flatMap((text) =>
    [...text.matchAll(settings)].map(([, before, listed]) => before ?? listed!),
  );
  expect(options.length).toBeGreaterThan(5);
  expect(options.filter((name) => !known.has(name))).toEqual([]);
});

it("alerts look at metrics the service has, by labels and codes it gives them", async () => {
  const alerts = read("deploy/alerts.yml");
  const metrics = new Metrics();
  metrics.watch(new Proxy({} as MetricSources, { get: () => () => 0 }));
  const codes = [...alerts.matchAll(/code="(\w+)"/g)].map(([, code]) => code!);
  for (const code of codes) expect(PROBLEMS).toHaveProperty(code);
  // Before anything has happened: a rate does not see a series begin.
  const served = await metrics.registry.metrics();
  const expressions = alerts.replace(/^ *(#|summary:|- name:).*$/gm, "");
  const named = [...expressions.matchAll(/\b((?:sequencer|process)_\w+)(\{(\w+="\w+"))?/g)];
  expect(named.length).toBeGreaterThan(10);
  for (const [, name, , label = ""] of named) {
    expect(served, `${name} ${label}`).toMatch(
      new RegExp(`^${name}(\\{.*${label.startsWith("job=") ? "" : label}.*\\})? `, "m"),
    );
  }
  expect(read("deploy/prometheus.yml")).toContain("rule_files:\n  - alerts.yml\n");
  expect(compose).toContain("./deploy/alerts.yml:/etc/prometheus/alerts.yml:ro");
});

it("is built by the Node it ships, from everything the build reads", () => {
  expect(dockerfile).toContain(`FROM node:${NODE_VERSION}-bookworm AS build`);
  const kept = [...read(".dockerignore").matchAll(/^!(.+)$/gm)].map(([, path]) => path!);
  const { files } = JSON.parse(read("package.json")) as { files: string[] };
  const { include } = JSON.parse(read("tsconfig.json")) as { include: string[] };
  const wanted = [...include, ...files.filter((path) => !path.startsWith("dist")), "package-lock.json", "LICENSE"];
  expect(kept).toEqual(expect.arrayContaining(wanted));
});
