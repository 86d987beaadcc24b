// Curves with limits and shaded episodes, countdowns, spans. Pages work without it; curves need it.
import * as echarts from "/static/vendor/echarts/echarts.esm.min.mjs";

const LEVEL = { red: "#c81e2b", orange: "#f0862e", yellow: "#d9a800", blue: "#3b82f6" };
const NAMES = { ll: "LL", l: "L", h: "H", hh: "HH" };
const CHINA = 8 * 3_600_000;
const english = document.documentElement.lang.startsWith("en");

async function draw(box, since, until) {
  const reply = await fetch(`${box.dataset.curve}?since=${since}&until=${until}`);
  if (!reply.ok) { box.dataset.empty = english ? "No curve" : "曲线读取失败"; return; }
  const told = await reply.json();
  if (!told.t.length) { box.dataset.empty = english ? "No readings in this span" : "这段时间没有读数"; return; }
  delete box.dataset.empty;
  const chart = echarts.getInstanceByDom(box) ?? echarts.init(box);
  chart.setOption(option(told), true);
  new ResizeObserver(() => chart.resize()).observe(box);
}

function option(told) {
  const at = (t) => (t === null ? null : t + CHINA); // drawn as UTC, so that every reader sees China's time
  const pair = (values) => told.t.map((t, i) => [at(t), values[i]]);
  const lines = Object.entries(told.limits).map(([name, y]) => ({ yAxis: y, label: { formatter: `${NAMES[name] ?? ""} ${y}`, position: name.length === 1 ? "insideStartTop" : "insideEndTop", color: "#8a1019" }, lineStyle: { color: name.length === 1 ? "#c98a00" : "#c81e2b", type: "dashed" } }));
  const spells = told.episodes.map((e) => [{ xAxis: at(Math.max(e.from, told.since)), itemStyle: { color: LEVEL[e.level], opacity: 0.13 } }, { xAxis: at(e.to ?? told.until) }]);
  const values = [...told.v, ...told.low, ...told.high].filter((v) => v !== null);
  const bounds = [...values, ...Object.values(told.limits)];
  const [low, high] = [Math.min(...bounds), Math.max(...bounds)];
  const pad = (high - low || Math.abs(high) || 1) * 0.08;
  const main = { type: "line", name: told.name, data: pair(told.v), showSymbol: told.t.length < 3, symbolSize: 5, connectNulls: false, lineStyle: { width: 1.6, color: "#0f4c9e" }, itemStyle: { color: "#0f4c9e" }, markLine: { symbol: "none", silent: true, data: lines }, markArea: { silent: true, data: spells } };
  const band = told.bucket_ms ? [
    { type: "line", data: pair(told.low), stack: "band", symbol: "none", silent: true, lineStyle: { opacity: 0 }, tooltip: { show: false } },
    { type: "line", data: told.t.map((t, i) => [at(t), told.high[i] === null ? null : told.high[i] - told.low[i]]), stack: "band", symbol: "none", silent: true, lineStyle: { opacity: 0 }, areaStyle: { color: "#0f4c9e", opacity: 0.16 }, tooltip: { show: false } }] : [];
  return {
    useUTC: true, animation: false, aria: { enabled: true }, grid: { left: 56, right: 18, top: 18, bottom: 30 },
    tooltip: { trigger: "axis", valueFormatter: (v) => (v === null || v === undefined ? "—" : `${v} ${told.unit}`) },
    xAxis: { type: "time", min: at(told.since), max: at(told.until), axisLabel: { color: "#52606d", hideOverlap: true } },
    yAxis: { type: "value", min: round(low - pad), max: round(high + pad), name: told.unit, nameTextStyle: { color: "#52606d" }, axisLabel: { color: "#52606d", showMinLabel: false, showMaxLabel: false }, splitLine: { lineStyle: { color: "#e8edf2" } } },
    series: [...band, main],
  };
}

function round(value) { return Number(value.toPrecision(4)); }

function curves(root) {
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
  if (!button) return;
  for (const other of document.querySelectorAll("[data-span]")) other.setAttribute("aria-pressed", String(other === button));
  const now = Date.now();
  draw(document.querySelector(".curve.tall"), now - Number(button.dataset.span) * 1000, now);
});

function span(seconds) {
  const parts = [[86400, english ? "d" : "天"], [3600, english ? "h" : "小时"], [60, english ? "min" : "分"], [1, english ? "s" : "秒"]];
  const first = Math.max(0, parts.findIndex(([n]) => seconds >= n));
  let left = seconds;
  return parts.map(([n, unit]) => { const k = Math.floor(left / n); left -= k * n; return [k, unit]; }).slice(first, first + 2).filter(([k]) => k).map(([k, u]) => `${k} ${u}`).join(" ") || `0 ${parts[3][1]}`;
}

function tick() {
  for (const mark of document.querySelectorAll("[data-due]")) {
    const left = (Date.parse(mark.dataset.due) - Date.now()) / 1000;
    mark.textContent = left >= 0 ? span(Math.floor(left)) : (english ? `${span(Math.floor(-left))} late` : `已超 ${span(Math.floor(-left))}`);
    mark.classList.toggle("late", left < 0);
  }
}

curves(document);
tick();
setInterval(tick, 1000);
for (const part of document.querySelectorAll("[data-refresh]"))
  setInterval(() => { if (document.visibilityState === "visible") window.htmx?.trigger(part, "refresh"); }, Number(part.dataset.refresh) * 1000);
document.addEventListener("drawer:open", (event) => { curves(event.target); tick(); });
document.body.addEventListener("htmx:after:swap", tick);
