// Curves of points: the reading, its band where it comes in buckets, limits as lines, episodes shaded. China's time.
import * as echarts from "/static/vendor/echarts/echarts.esm.min.mjs";

const LEVEL = { red: "#c81e2b", orange: "#e07a1f", yellow: "#b98a00", blue: "#1d5fd1" };
const CHINA = 8 * 3_600_000;
const INK = "#52606d";
const english = document.documentElement.lang.startsWith("en");
const sized = new WeakSet();

/** Draw one box for [since, until) in ms; says so in words when there is nothing to draw. */
export async function draw(box, since, until) {
  const asked = `${since}-${until}`;
  box.dataset.asked = asked;
  const reply = await fetch(`${box.dataset.curve}?since=${Math.floor(since)}&until=${Math.floor(until)}`, { headers: { Accept: "application/json" } });
  if (box.dataset.asked !== asked || !box.isConnected) return;
  if (!reply.ok) return empty(box, english ? "The curve could not be read" : "曲线读取失败,请稍后再试");
  const told = await reply.json();
  if (box.dataset.asked !== asked) return;
  note(box, told);
  if (!told.t.length) return empty(box, english ? "No readings in this span" : "这段时间没有读数");
  delete box.dataset.empty;
  const chart = echarts.getInstanceByDom(box) ?? echarts.init(box);
  chart.setOption(option(told), true);
  if (!sized.has(box)) { sized.add(box); new ResizeObserver(() => echarts.getInstanceByDom(box)?.resize()).observe(box); }
}

function empty(box, words) {
  echarts.getInstanceByDom(box)?.dispose();
  box.dataset.empty = words;
}

function note(box, told) {
  const place = box.parentElement.querySelector("[data-curve-note]");
  if (!place) return;
  const minutes = Math.round(told.bucket_ms / 60000);
  if (!told.bucket_ms) place.textContent = english ? "every reading" : "逐条读数";
  else {
    const width = minutes >= 1 ? `${minutes} ${english ? "min" : "分钟"}` : `${Math.round(told.bucket_ms / 1000)} ${english ? "s" : "秒"}`;
    place.textContent = english ? `mean of ${width}, band from lowest to highest` : `每 ${width}一点:线为均值,色带为最低到最高`;
  }
}

const at = (t) => (t === null ? null : t + CHINA); // drawn as UTC, so that every reader sees China's time

function lines(told, top) {
  return told.limits.map((limit) => ({
    yAxis: limit.value,
    label: { formatter: `${limit.slot} ${english ? "" : limit.title} ${limit.value}`, position: limit.slot.length === 1 ? "insideStartTop" : "insideEndTop", color: LEVEL[limit.level] ?? INK, fontSize: 11, backgroundColor: "rgba(252,253,254,.82)", padding: [1, 3] },
    lineStyle: { color: LEVEL[limit.level] ?? INK, type: "dashed", width: 1.2 },
  })).filter((line) => line.yAxis <= top.high && line.yAxis >= top.low);
}

/** The axis holds every reading; limits too, unless they would flatten the readings to a line. */
function bounds(told) {
  const values = [...told.v, ...told.low, ...told.high].filter((v) => v !== null);
  const [low, high] = values.reduce(([a, b], v) => [Math.min(a, v), Math.max(b, v)], [Infinity, -Infinity]);
  const width = Math.max(high - low, Math.abs(high) * 0.02, 1e-6);
  const near = told.limits.map((l) => l.value).filter((v) => v > low - 12 * width && v < high + 12 * width);
  const [least, most] = [Math.min(low, ...near), Math.max(high, ...near)];
  const pad = (most - least || Math.abs(most) || 1) * 0.08;
  return { low: Number((least - pad).toPrecision(4)), high: Number((most + pad).toPrecision(4)) };
}

function option(told) {
  const pair = (values) => told.t.map((t, i) => [at(t), values[i]]);
  const top = bounds(told);
  const spells = told.episodes.map((e) => [{ xAxis: at(Math.max(e.from, told.since)), itemStyle: { color: LEVEL[e.level], opacity: 0.12 } }, { xAxis: at(Math.min(e.to ?? told.until, told.until)) }]);
  const main = {
    type: "line", name: told.name, data: pair(told.v), showSymbol: told.t.length < 3, symbolSize: 5, connectNulls: false,
    lineStyle: { width: 1.6, color: "#0f4c9e" }, itemStyle: { color: "#0f4c9e" },
    markLine: { symbol: "none", silent: true, data: lines(told, top) }, markArea: { silent: true, data: spells },
  };
  const hidden = { type: "line", stack: "band", symbol: "none", silent: true, lineStyle: { opacity: 0 }, tooltip: { show: false } };
  const band = told.bucket_ms ? [
    { ...hidden, name: "low", data: pair(told.low) },
    { ...hidden, name: "band", data: told.t.map((t, i) => [at(t), told.high[i] === null ? null : told.high[i] - told.low[i]]), areaStyle: { color: "#0f4c9e", opacity: 0.18 } }] : [];
  return {
    useUTC: true, animation: false, aria: { enabled: true },
    grid: { left: 54, right: 16, top: 22, bottom: 28 },
    tooltip: { trigger: "axis", formatter: (rows) => tip(rows, told) },
    xAxis: { type: "time", min: at(told.since), max: at(told.until), axisLabel: { color: INK, hideOverlap: true }, axisLine: { lineStyle: { color: "#b8c4cf" } } },
    yAxis: { type: "value", min: top.low, max: top.high, name: told.unit, nameTextStyle: { color: INK, align: "right" }, axisLabel: { color: INK, showMinLabel: false, showMaxLabel: false }, splitLine: { lineStyle: { color: "#edf1f5" } } },
    series: [...band, main],
  };
}

function tip(rows, told) {
  const row = rows.find((r) => r.seriesName === told.name) ?? rows[0];
  const i = row.dataIndex;
  const when = new Date(told.t[i] + CHINA).toISOString().replace("T", " ").slice(5, 19);
  const value = told.v[i] === null ? "—" : `${told.v[i]} ${told.unit}`;
  const spread = told.bucket_ms && told.v[i] !== null ? `<br>${english ? "low – high" : "最低 – 最高"} ${told.low[i]} – ${told.high[i]}` : "";
  return `${when}<br><b>${value}</b>${spread}`;
}

/** Draw every curve below `root` that has not been drawn. */
export function curves(root) {
  for (const box of root.querySelectorAll("[data-curve]:not([data-drawn])")) {
    box.dataset.drawn = "1";
    const now = Date.now();
    if (box.dataset.around) {
      const [from, to] = box.dataset.around.split(",").map(Number);
      draw(box, from - 3_600_000, Math.min(now, Math.max(to, from) + 3_600_000));
    } else draw(box, now - Number(box.dataset.last) * 1000, now);
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-span]");
  const box = document.querySelector(".curve.tall");
  if (!button || !box) return;
  for (const other of document.querySelectorAll("[data-span]")) other.setAttribute("aria-pressed", String(other === button));
  box.dataset.last = button.dataset.span;
  draw(box, Date.now() - Number(button.dataset.span) * 1000, Date.now());
});

setInterval(() => { // an open curve of the last hour moves on while it is looked at
  const box = document.querySelector(".curve.tall[data-last='3600']");
  if (box && document.visibilityState === "visible") draw(box, Date.now() - 3_600_000, Date.now());
}, 10_000);
