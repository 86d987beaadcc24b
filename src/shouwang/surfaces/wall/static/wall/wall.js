// The wall: what it looks at (region, scene, levels) and when it looks again.

import { all, calm, el, fetchJson, narrow, one } from "./elements.js";
import { donut, trend } from "./charts.js";
import { feed } from "./feed.js";
import { listen } from "./live.js";
import * as panels from "./panels.js";

const start = JSON.parse(one("#start").textContent);
const { words, links } = start;
const english = start.language.startsWith("en");
const none = { id: "none", title: words.none, short: "" };
const levels = start.levels;
const split = [...levels, none];
const style = getComputedStyle(document.documentElement);
const colours = Object.fromEntries(split.map((lv) => [lv.id, style.getPropertyValue(`--${lv.id}`).trim()]));
const EVERY = 60_000; // ms between looks when nothing happens
const SETTLE = 2_500; // ms after an event before the numbers are read again

const state = { region: start.region, scene: start.scene, filter: new Set(split.map((lv) => lv.id)), rows: [],
  parts: [], siblings: [], summary: null, offset: 0 };
let map = null;
let stopLive = () => {};
let due = 0;

const query = (facts = {}) => new URLSearchParams({ region: state.region, scene: state.scene, ...facts });
const chart = { donut: donut(one("#donut"), split, colours, choose), trend: trend(one("#trend .chart"), levels, colours,
  () => { location.href = `${links.alerts}?${query({ state: "all", hours: 24 })}`; }) };
const ticker = feed(one("#ticker ul"), { levels, words, english, open: (fact) => openFirm(fact.enterprise_id, fact) });

function choose(level) {
  const every = state.filter.size === split.length;
  if (every) state.filter = new Set([level]);
  else if (!state.filter.delete(level)) state.filter.add(level);
  if (!state.filter.size) state.filter = new Set(split.map((lv) => lv.id));
  showRows();
  if (state.summary) panels.split(state.summary.levels, split, state.filter, choose);
}

function partOf(code) {
  return state.parts.find(([part]) => code.startsWith(part))?.[0];
}

function tallies() {
  const found = {};
  const rank = Object.fromEntries(levels.map((lv, n) => [lv.id, n]));
  for (const [, , , , level, open, region] of state.rows) {
    const part = partOf(region);
    if (!part || !open) continue;
    const [sum, worst] = found[part] || [0, ""];
    found[part] = [sum + open, !worst || rank[level] < rank[worst] ? level : worst];
  }
  return found;
}

function showRows(asked = true) {
  panels.firms(state.rows, split, state.filter, { words, open: (id) => openFirm(id) });
  for (const button of all(".levels button"))
    button.setAttribute("aria-pressed", String(state.filter.has(button.dataset.level)));
  map?.show(state.rows, state.filter, tallies(), asked);
}

function showSummary(counted) {
  state.summary = counted;
  state.offset = counted.at - Date.now();
  const here = { links, region: state.region, scene: state.scene, line: start.lines[state.scene] };
  panels.kpis(counted.kpis, here);
  panels.funnel(counted.funnel, here);
  panels.commonest(counted.commonest, { ...here, english });
  const rows = counted.closing.map((row) => ({ ...row, name: bare(row.name, counted.place.name) }));
  panels.closing(rows, { words, go });
  chart.donut(counted.levels);
  const total = panels.split(counted.levels, split, state.filter, choose);
  one("#donut").dataset.total = total.toLocaleString("en-US");
  chart.trend(counted.trend);
  showPlace(counted.place);
}

function showPlace(place) {
  state.parts = place.parts;
  state.siblings = place.siblings;
  one("#place").textContent = place.name;
  const tier = place.code.length < 4 ? "province" : place.code.length < 6 ? "city" : "county";
  one("#tab-closing").textContent = words[`closing_${tier}`];
  one("#way").replaceChildren(...place.way.map(([code, name], n) => n === place.way.length - 1
    ? el("span", { "aria-current": "location" }, name)
    : el("a", { href: `?${query({ region: code })}`, onclick: (event) => { event.preventDefault(); go(code); } }, name)));
  const options = (rows) => rows.map(([code, name]) => el("option", { value: code || "-" }, name));
  const above = place.way.slice(0, -1);
  const inside = place.parts.filter(([code]) => code !== place.code && code.length <= 6);
  const beside = place.siblings.filter(([code]) => code !== place.code);
  one("#choose").replaceChildren(el("option", { value: "", selected: true, disabled: true }, words.choose),
    ...options(above), ...(inside.length ? [el("hr"), ...options(inside)] : []),
    ...(beside.length ? [el("hr"), ...options(beside)] : []));
  one("#choose").value = "";
}

/** '镇海区样例一街道' is '样例一街道' on the map of 镇海区. */
function bare(name, place) {
  return name.startsWith(place) && name.length > place.length ? name.slice(place.length) : name;
}

function nameParts(sheet, towns) {
  const many = sheet.parts.length > 1;
  const parts = many || !towns.length
    ? sheet.parts.map(({ properties: p }) => ({ code: p.code, name: p.name, at: p.label, go: many }))
    : towns.map(([code, name, lon, lat]) => ({ code, name: bare(name, sheet.name), at: [lon, lat], go: false }));
  map.name(parts);
}

async function load(duration = 900) {
  const asked = `${state.region}|${state.scene}`;
  ticker.ask();
  const [sheet, firms, counted] = await Promise.all([
    fetchJson(`/wall/map.json?${new URLSearchParams({ region: state.region })}`),
    fetchJson(`/wall/enterprises.json?${query()}`), fetchJson(`/wall/summary.json?${query()}`)]);
  if (asked !== `${state.region}|${state.scene}`) return;
  state.rows = firms.rows;
  showSummary(counted);
  ticker.fill(counted.ticker);
  if (map) {
    map.reset(sheet, duration);
    nameParts(sheet, counted.towns);
    map.label(`${counted.place.name} ${words.region}`);
  }
  showRows();
}

async function look() {
  due = 0;
  try {
    const [firms, counted] = await Promise.all([
      fetchJson(`/wall/enterprises.json?${query()}`), fetchJson(`/wall/summary.json?${query()}`)]);
    state.rows = firms.rows;
    showSummary(counted);
    showRows(false);
  } catch (wrong) {
    console.warn(words.load_failed, wrong);
  }
}

function soon() {
  if (!due) due = setTimeout(look, SETTLE);
}

function go(code, push = true) {
  const known = [...state.parts, ...state.siblings, ...(state.summary?.place.way || [])].some(([c]) => c === code);
  if (!known || code === state.region || code.length > 6) return;
  state.region = code;
  if (push) history.pushState({}, "", `?${query()}`);
  shut();
  load();
  tune();
  one(code.length >= 6 ? "#tab-firms" : "#tab-closing").click();
}

function tune() {
  stopLive();
  if (!start.live) return;
  stopLive = listen({ region: state.region, status: one("#live"), words, resync: () => load(0), tell: (fact) => {
    if (state.scene && fact.scene !== state.scene) return;
    if (ticker.tell(fact) && fact.lon !== null && fact.event !== "flows.closed") map?.ping(fact.lon, fact.lat, fact.level);
    soon();
  } });
}

function shut() {
  one("#card").hidden = true;
  map?.unpop();
}

async function openFirm(id, fact) {
  if (!id) return;
  if (fact?.lon) map?.fly(fact.lon, fact.lat);
  const firm = await fetchJson(`/wall/enterprise/${id}.json`);
  const made = panels.card(firm, { words, levels: split, links, english, close: shut });
  const sheet = one("#card");
  if (map && firm.lon !== null) {
    if (!fact) map.fly(firm.lon, firm.lat);
    map.pop(made, firm.lon, firm.lat, shut);
  }
  if (narrow() || !map || firm.lon === null) {
    sheet.replaceChildren(made);
    sheet.hidden = false;
  }
  made.querySelector(".shut").focus({ preventScroll: true });
}

function clock() {
  const now = new Date(Date.now() + state.offset);
  const zone = { timeZone: "Asia/Shanghai" };
  one("#clock").textContent = now.toLocaleTimeString("zh-CN", { hour12: false, ...zone });
  one("#day").textContent = now.toLocaleDateString(english ? "en-GB" : "zh-CN",
    { year: "numeric", month: english ? "short" : "long", day: "numeric", weekday: english ? "short" : "long", ...zone });
}

function wire() {
  one(".levels").replaceChildren(...split.map((lv) => el("button", { type: "button", className: `pill lv-${lv.id}`,
    "data-level": lv.id, "aria-pressed": "true", onclick: () => choose(lv.id) }, el("span", { className: "dot" }), lv.title)));
  one("#trend .key").replaceChildren(...levels.map((lv) => el("i", { className: `lv-${lv.id}` },
    el("span", { className: "dot" }), lv.title)));
  one("#choose").addEventListener("change", (event) => go(event.target.value.replace("-", "")));
  for (const tab of all("[data-scene]")) tab.addEventListener("click", (event) => {
    event.preventDefault();
    state.scene = tab.dataset.scene;
    for (const other of all("[data-scene]")) other.removeAttribute("aria-current");
    tab.setAttribute("aria-current", "page");
    history.pushState({}, "", `?${query()}`);
    shut();
    load(0);
  });
  const tabs = all('[role="tab"]');
  const pick = (tab) => tabs.forEach((t) => {
    t.setAttribute("aria-selected", String(t === tab));
    t.tabIndex = t === tab ? 0 : -1;
    one(`#${t.getAttribute("aria-controls")}`).hidden = t !== tab;
  });
  tabs.forEach((tab, n) => {
    tab.addEventListener("click", () => pick(tab));
    tab.addEventListener("keydown", (event) => {
      if (!["ArrowLeft", "ArrowRight"].includes(event.key)) return;
      const next = tabs[(n + 1) % tabs.length];
      pick(next);
      next.focus();
    });
  });
  one("#tilt").addEventListener("click", ({ currentTarget }) => {
    const up = currentTarget.getAttribute("aria-pressed") !== "true";
    currentTarget.setAttribute("aria-pressed", String(up));
    map?.tilt(up);
  });
  one("#whole").addEventListener("click", () => { shut(); map?.fit(); });
  addEventListener("keydown", (event) => event.key === "Escape" && shut());
  addEventListener("popstate", () => {
    const back = new URLSearchParams(location.search);
    state.region = back.get("region") || start.region;
    state.scene = back.get("scene") || "";
    load();
    tune();
  });
}

wire();
clock();
setInterval(clock, 1000);
tune();
const drawn = import("./map.js").then(({ draw }) => draw(one("#map"), { levels, colours, onPart: go,
  onEnterprise: (id) => openFirm(id) }));
drawn.then((made) => {
  map = made;
  one("#tilt").setAttribute("aria-pressed", String(!narrow()));
}, (wrong) => {
  console.warn(wrong);
  one("#map").append(el("p", { className: "nothing" }, words.no_webgl));
}).then(() => load(calm() ? 0 : 1200)).then(() => map?.idle()).finally(() => { document.body.dataset.ready = "1"; });
setInterval(look, EVERY);
