// Deadlines that run: every [data-due] says how long is left, or how long it is over.
const english = document.documentElement.lang.startsWith("en");
const PARTS = english ? [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]] : [[86400, "天"], [3600, "小时"], [60, "分"], [1, "秒"]];

/** Seconds as the two largest parts: 3 小时 5 分. */
export function span(seconds) {
  const first = Math.max(0, PARTS.findIndex(([n]) => seconds >= n));
  let left = seconds;
  const counted = PARTS.map(([n, unit]) => { const k = Math.floor(left / n); left -= k * n; return [k, unit]; });
  return (seconds < 1 ? [[0, PARTS[3][1]]] : counted.slice(first, first + 2).filter(([k]) => k)).map(([k, unit]) => `${k} ${unit}`).join(" ");
}

export function tick() {
  for (const mark of document.querySelectorAll("[data-due]")) {
    const left = Math.floor((Date.parse(mark.dataset.due) - Date.now()) / 1000);
    const words = left >= 0 ? span(left) : english ? `${span(-left)} late` : `已超 ${span(-left)}`;
    if (mark.textContent !== words) mark.textContent = words;
    mark.classList.toggle("late", left < 0);
  }
}

tick();
setInterval(tick, 1000);
