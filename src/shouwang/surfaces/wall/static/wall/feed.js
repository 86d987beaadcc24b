// The ticker: newest on top, each line a button that flies to its enterprise.

import { el, short, timeOf } from "./elements.js";

const LINES = 40;
const NEWS = { "rules.alert_raised": "", "rules.alert_upgraded": "upgraded", "flows.escalated": "escalated",
  "flows.closed": "closed" };

export function measured(fact, words) {
  if (fact.kind === "no_data") return words.no_data;
  if (fact.value === null || fact.value === undefined) return "";
  const limit = fact.limit === null || fact.limit === undefined ? "" : ` / ${short(fact.limit)}`;
  return `${short(fact.value)}${limit} ${fact.unit || ""}`;
}

export function feed(list, { levels, words, english, open }) {
  const titles = Object.fromEntries(levels.map((lv) => [lv.id, lv.short]));

  function line(fact, fresh) {
    const tag = words[NEWS[fact.event]];
    const title = (english && fact.title_en) || fact.title;
    return el("li", { className: `lv-${fact.level || "none"}${fresh ? " fresh" : ""}`, "data-alert": fact.alert },
      el("button", { type: "button", onclick: () => open(fact) },
        el("span", { className: "tile" }, titles[fact.level] || "·"),
        el("b", {}, tag && el("i", { className: "tag" }, tag), title),
        el("em", { className: "num" }, measured(fact, words)),
        el("small", {}, [fact.enterprise, fact.point || fact.subject].filter(Boolean).join(" · ")),
        el("time", { className: "num" }, timeOf(fact.opened || fact.at))));
  }

  let came = []; // what the stream told since the list was asked for: the answer may be older than it

  /** The list is being asked for anew. */
  function ask() {
    came = [];
  }

  function fill(facts) {
    list.replaceChildren(...facts.slice(0, LINES).map((fact) => line(fact, false)));
    if (!facts.length) list.append(el("li", { className: "nothing" }, words.no_alerts));
    for (const fact of facts) if (!fact.active) settle(fact.alert);
    const known = new Set(facts.map((fact) => fact.alert));
    for (const fact of came) if (fact.event !== "rules.alert_raised" || !known.has(fact.alert)) show(fact);
  }

  function settle(alert) {
    const node = list.querySelector(`[data-alert="${alert}"]`);
    if (!node || node.classList.contains("settled")) return;
    node.classList.add("settled");
    node.querySelector("b").prepend(el("i", { className: "tag calm" }, words.cleared));
  }

  /** Whether the fact was news for the ticker. */
  function tell(fact) {
    came = [...came, fact].slice(-LINES);
    return show(fact);
  }

  function show(fact) {
    if (fact.event === "rules.alert_cleared") settle(fact.alert);
    if (!(fact.event in NEWS) || !fact.enterprise) return false;
    list.querySelector(".nothing")?.remove();
    list.prepend(line(fact, true));
    while (list.children.length > LINES) list.lastChild.remove();
    return true;
  }

  return { ask, fill, tell };
}
