/** Plots as SVG text, legible on light and dark pages: the file brings both palettes and follows the reader's setting. */
import type { BarPlot, LinePlot, Plot } from "../result.js";

const WIDTH = 760;
const STYLE = `<style>
text{font:13px system-ui,sans-serif;fill:#1f2328}.title{font-size:16px;font-weight:600}.quiet{fill:#59636e}
.axis{stroke:#d1d9e0;stroke-width:1}.ours{fill:#0969da}.other{fill:#8c959f}.line{fill:none;stroke-width:2}
.s0{stroke:#0969da}.s1{stroke:#bc4c00}.s2{stroke:#1a7f37}.s3{stroke:#8250df}.f0{fill:#0969da}.f1{fill:#bc4c00}.f2{fill:#1a7f37}.f3{fill:#8250df}
@media(prefers-color-scheme:dark){text{fill:#f0f6fc}.quiet{fill:#9198a1}.axis{stroke:#3d444d}.ours{fill:#4493f8}.other{fill:#656c76}
.s0{stroke:#4493f8}.s1{stroke:#f0883e}.s2{stroke:#3fb950}.s3{stroke:#ab7df8}.f0{fill:#4493f8}.f1{fill:#f0883e}.f2{fill:#3fb950}.f3{fill:#ab7df8}}
</style>`;

export function renderSvg(plot: Plot): string {
  return plot.kind === "bars" ? bars(plot) : lines(plot);
}

const LABELS = 250;
const ROW = 26;
const TOP = 70;

function bars({ title, note, unit, bars: rows }: BarPlot): string {
  const max = Math.max(...rows.map(({ value }) => value));
  const room = WIDTH - LABELS - 120;
  const body = rows.map(({ label, value, isOurs }, index) => {
    const y = TOP + index * ROW;
    const width = Math.max(1, (value / max) * room);
    return (
      text(LABELS - 8, y + 13, label, "", "end") +
      `<rect class="${isOurs ? "ours" : "other"}" x="${LABELS}" y="${y}" width="${width.toFixed(1)}" height="18" rx="2"/>` +
      text(LABELS + width + 6, y + 13, `${number(value)} ${unit}`, "quiet")
    );
  });
  return frame(TOP + rows.length * ROW + 14, title, note, body.join("\n"));
}

const PLOT = { left: 70, right: WIDTH - 20, top: TOP, bottom: 340 };
const TICKS = 5;

function lines(plot: LinePlot): string {
  const points = plot.series.flatMap((series) => series.points);
  const x = scale(
    points.map(([value]) => value),
    plot.isLogX === true,
    PLOT.left,
    PLOT.right,
  );
  const y = scale(
    points.map(([, value]) => value),
    plot.isLogY === true,
    PLOT.bottom,
    PLOT.top,
  );
  const grid = [
    ...y.ticks.map((tick) => {
      const at = y.at(tick).toFixed(1);
      return `<line class="axis" x1="${PLOT.left}" x2="${PLOT.right}" y1="${at}" y2="${at}"/>${text(PLOT.left - 8, Number(at) + 4, number(tick), "quiet", "end")}`;
    }),
    ...x.ticks.map((tick) => text(x.at(tick), PLOT.bottom + 20, number(tick), "quiet", "middle")),
    text(PLOT.right, PLOT.bottom + 40, plot.xLabel, "quiet", "end"),
    text(PLOT.left, PLOT.top - 12, plot.yLabel, "quiet"),
  ];
  const drawn = plot.series.map(({ label, points: own }, index) => {
    const path = own.map(([px, py]) => `${x.at(px).toFixed(1)},${y.at(py).toFixed(1)}`).join(" ");
    const dots = own
      .map(
        ([px, py]) => `<circle class="f${index % 4}" cx="${x.at(px).toFixed(1)}" cy="${y.at(py).toFixed(1)}" r="3"/>`,
      )
      .join("");
    const legendY = PLOT.bottom + 64 + index * 20;
    return (
      `<polyline class="line s${index % 4}" points="${path}"/>${dots}` +
      `<rect class="f${index % 4}" x="${PLOT.left}" y="${legendY - 10}" width="12" height="12" rx="2"/>` +
      text(PLOT.left + 20, legendY, label, "")
    );
  });
  const height = PLOT.bottom + 64 + plot.series.length * 20;
  return frame(height, plot.title, plot.note, [...grid, ...drawn].join("\n"));
}

interface Scale {
  readonly ticks: readonly number[];
  at(value: number): number;
}

/** Linear from zero, or logarithmic over the powers of ten that hold the values. */
function scale(values: readonly number[], isLog: boolean, from: number, to: number): Scale {
  if (isLog) {
    const low = Math.floor(Math.log10(Math.min(...values)));
    const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...values))));
    const ticks = Array.from({ length: high - low + 1 }, (_, index) => 10 ** (low + index));
    return { ticks, at: (value) => from + ((Math.log10(value) - low) / (high - low)) * (to - from) };
  }
  const max = Math.max(...values, Number.MIN_VALUE);
  const rough = max / TICKS;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough)!;
  const count = Math.ceil(max / step);
  const ticks = Array.from({ length: count + 1 }, (_, index) => index * step);
  return { ticks, at: (value) => from + (value / (count * step)) * (to - from) };
}

function frame(height: number, title: string, note: string, body: string): string {
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">\n` +
    `<title>${escaped(title)}</title>${STYLE}\n${text(10, 24, title, "title")}\n${text(10, 46, note, "quiet")}\n${body}\n</svg>\n`
  );
}

function text(x: number, y: number, content: string, className: string, anchor = "start"): string {
  const name = className === "" ? "" : ` class="${className}"`;
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}"${name} text-anchor="${anchor}">${escaped(content)}</text>`;
}

function number(value: number): string {
  if (value >= 10_000_000) return `${+(value / 1_000_000).toFixed(1)}M`;
  if (value >= 100) return Math.round(value).toLocaleString("en-US");
  return String(+value.toPrecision(3));
}

function escaped(content: string): string {
  return content.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
