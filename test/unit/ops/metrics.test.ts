import { Histogram, Registry } from "prom-client";
import { expect, it } from "vitest";
import { Metrics } from "../../../src/ops/metrics.js";
import { SeriesHistogram } from "../../../src/ops/series-histogram.js";

const BUCKETS = [0.001, 0.01, 0.1, 1];
/** Below, between, on and above the bounds. */
const VALUES = [0, 0.001, 0.0011, 0.05, 0.1, 0.7, 1, 1.5, 3000];
const CONFIG = { name: "latency_seconds", help: "Some time.", buckets: BUCKETS };

it("a histogram of series is scraped as prom-client's own is", async () => {
  const labelNames = ["method", "path"];
  const [ours, theirs] = [new Registry(), new Registry()];
  const histogram = new SeriesHistogram({ ...CONFIG, labelNames, registers: [ours] });
  const reference = new Histogram({ ...CONFIG, labelNames, registers: [theirs] });
  for (const method of ["GET", "POST"]) {
    const labels = { method, path: '/a"b' };
    const series = histogram.series(labels);
    for (const value of VALUES) {
      series.observe(value);
      reference.observe(labels, value);
    }
  }
  expect(await ours.metrics()).toBe(await theirs.metrics());
  const withoutLabels = new Registry();
  const without = new SeriesHistogram({ ...CONFIG, registers: [withoutLabels] }).series();
  const bare = new Registry();
  new Histogram({ ...CONFIG, registers: [bare] });
  expect(await withoutLabels.metrics(), "before anything was observed").toBe(await bare.metrics());
  expect(without.count).toBe(0);
});

it("requests and refusals are counted by what they have in common", async () => {
  const metrics = new Metrics();
  const request = { method: "POST", route: "/api/v1/x/{id}", status: 200, durationMs: 3 };
  for (const record of [request, request, { ...request, status: 429 }, { ...request, method: "GET" }])
    metrics.request(record);
  for (const code of ["OVERLOADED", "TIMEOUT", "OVERLOADED"]) metrics.refusal(code);
  // Twice: reading changes nothing.
  for (const text of [await metrics.registry.metrics(), await metrics.registry.metrics()]) {
    const line = (name: string, method: string, status: number, le = ""): string =>
      `${name}{${le}method="${method}",path="/api/v1/x/{id}",status="${status}"}`;
    expect(text).toContain(`${line("sequencer_http_requests_total", "POST", 200)} 2\n`);
    expect(text).toContain(`${line("sequencer_http_requests_total", "POST", 429)} 1\n`);
    expect(text).toContain(`${line("sequencer_http_requests_total", "GET", 200)} 1\n`);
    expect(text).toContain(`${line("sequencer_http_request_latency_seconds_bucket", "POST", 200, 'le="0.005",')} 2\n`);
    expect(text).toContain('sequencer_refusals_total{code="OVERLOADED"} 2\n');
    expect(text).toContain('sequencer_refusals_total{code="TIMEOUT"} 1\n');
  }
});

it("methods that clients invent are one series", async () => {
  const metrics = new Metrics();
  for (let i = 0; i < 1000; i++)
    metrics.request({ method: `METHOD-${i}`, route: "unmatched", status: 404, durationMs: 1 });
  const lines = (await metrics.registry.metrics()).split("\n");
  expect(lines.filter((line) => line.startsWith("sequencer_http_requests_total{"))).toEqual([
    'sequencer_http_requests_total{method="OTHER",path="unmatched",status="404"} 1000',
  ]);
});
