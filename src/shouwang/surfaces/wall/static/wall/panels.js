// Head numbers, level split, funnel, closing bars, list of enterprises, the card of one.

import { all, el, number, one, timeOf } from "./elements.js";
import { measured } from "./feed.js";

const asked = (link, facts) => {
  const query = new URLSearchParams(Object.entries(facts).filter(([, v]) => v));
  return `${link}${String(query) ? `${link.includes("?") ? "&" : "?"}${query}` : ""}`;
};

export function kpis(counted, { links, region, scene, line }) {
  const put = (key, text, facts, link = links[key]) => {
    const tile = one(`[data-kpi="${key}"]`);
    const value = one("b", tile);
    if (value.textContent !== text) value.textContent = text;
    tile.href = asked(link, { region, ...facts });
  };
  put("enterprises", number(counted.enterprises), { line });
  put("hazards", number(counted.hazards));
  const online = counted.online ?? null;
  put("points", number(online));
  one('[data-kpi-aside="points"]').textContent = `/ ${number(counted.points)}${
    online === null || !counted.points ? "" : ` · ${(100 * online / counted.points).toFixed(1)}%`}`;
  put("alerts", number(counted.alerts), { state: "all", hours: 24, scene });
  put("closing", counted.closing === null ? "–" : `${counted.closing}%`, { scene }, links.matters);
}

export function split(counted, levels, filter, choose) {
  const total = levels.reduce((sum, lv) => sum + (counted[lv.id] || 0), 0);
  one(".split").replaceChildren(...levels.map((lv) => el("button", {
    type: "button", className: `lv-${lv.id}`, "aria-pressed": String(filter.has(lv.id)), onclick: () => choose(lv.id),
  }, el("span", { className: "dot" }), el("span", { className: "word" }, lv.title),
  el("b", { className: "num" }, number(counted[lv.id] || 0)),
  el("i", { className: "num" }, total ? `${(100 * (counted[lv.id] || 0) / total).toFixed(1)}%` : ""))));
  return total;
}

export function funnel(counted, { links, region, scene }) {
  for (const cell of all("[data-state]", one("#funnel"))) {
    one("b", cell).textContent = number(counted[cell.dataset.state]);
    const state = cell.dataset.state === "escalated" ? { open: 1, escalated: 1 } : { state: cell.dataset.state };
    cell.href = asked(links.matters, { ...state, region, scene });
  }
}

export function commonest(rows, { links, region, scene, english }) {
  const most = Math.max(1, ...rows.map((row) => row.n));
  one("#commonest .bars").replaceChildren(...rows.map((row) => el("li", { className: `lv-${row.level}` },
    el("a", { href: asked(links.alerts, { rule: row.rule, state: "all", hours: 24, region, scene }) },
      el("span", { className: "word" }, (english && row.title_en) || row.title),
      el("span", { className: "rail own" }, el("i", { style: { "--w": `${100 * row.n / most}%` } })),
      el("b", { className: "num" }, number(row.n))))));
}

export function closing(rows, { words, go }) {
  const list = one("#closing .bars");
  const held = rows.filter((row) => row.opened).map((row) => ({ ...row, rate: 100 * row.closed / row.opened }));
  held.sort((a, b) => b.rate - a.rate || b.opened - a.opened);
  list.replaceChildren(...held.map((row) => el("li", {}, el("button", {
    type: "button", title: `${row.name} ${row.closed}/${row.opened}`, onclick: () => go(row.code),
  }, el("span", { className: "word" }, row.name),
  el("span", { className: "rail" }, el("i", { style: { "--w": `${row.rate}%` }, className: row.rate < 60 ? "low" : "" })),
  el("b", { className: "num" }, `${row.rate.toFixed(1)}%`),
  el("small", { className: "num" }, `${row.closed}/${row.opened}`)))));
  if (!held.length) list.append(el("li", { className: "nothing" }, words.no_matters));
}

export function firms(rows, levels, filter, { words, open }) {
  const rank = Object.fromEntries(levels.map((lv, n) => [lv.id, n]));
  const kept = rows.filter((row) => filter.has(row[4] || "none"))
    .sort((a, b) => rank[a[4] || "none"] - rank[b[4] || "none"] || b[5] - a[5]).slice(0, 60);
  const list = one("#firms .firms");
  list.replaceChildren(...kept.map(([id, name, , , level, count]) => el("li", { className: `lv-${level || "none"}` },
    el("button", { type: "button", onclick: () => open(id) }, el("span", { className: "dot" }),
      el("span", { className: "word" }, name), el("b", { className: "num" }, count || "")))));
  if (!kept.length) list.append(el("li", { className: "nothing" }, words.no_enterprises));
}

export function card(firm, { words, levels, links, english, close }) {
  const level = levels.find((lv) => lv.id === (firm.level || "none"));
  const fact = (title, value) => el("div", {}, el("dt", {}, title), el("dd", { className: "num" }, number(value)));
  return el("article", { className: `card lv-${level.id}` },
    el("header", {}, el("span", { className: "tile" }, level.id === "none" ? "✓" : level.short),
      el("div", {}, el("h2", {}, firm.name), el("p", {}, [firm.place, firm.address].filter(Boolean).join(" · "))),
      el("button", { type: "button", className: "shut", "aria-label": words.close, onclick: close }, "×")),
    el("dl", {}, fact(words.open_alerts, firm.open), fact(words.points, firm.points), fact(words.hazards, firm.hazards),
      fact(words.matters, firm.matters)),
    el("ul", {}, firm.alerts.map((alert) => el("li", { className: `lv-${alert.level}` },
      el("a", { href: `${links.alerts}${alert.alert}/` }, el("span", { className: "dot" }),
        el("b", {}, (english && alert.title_en) || alert.title), el("em", { className: "num" }, measured(alert, words)),
        el("small", {}, alert.point), el("time", { className: "num" }, `${timeOf(alert.opened, false)} ${words.since}`)))),
    firm.open > firm.alerts.length && el("li", { className: "nothing" },
      words.more.replace("%s", firm.open - firm.alerts.length)),
    !firm.open && el("li", { className: "nothing" }, words.no_alerts)),
    el("a", { className: "enter", href: `${links.enterprise}${firm.id}/` }, words.open_page));
}
