// Working pages: curves, countdowns, and parts that refresh while somebody looks. Without it every form still posts.
import { tick } from "./countdown.js";
import { curves } from "./curve.js";

const live = () => document.visibilityState === "visible";

function refresh(part) {
  if (!live() || !window.htmx) return;
  part.dataset.asked = String(Date.now());
  window.htmx.trigger(part, "refresh");
}

for (const part of document.querySelectorAll("[data-refresh]")) {
  setInterval(() => refresh(part), Number(part.dataset.refresh) * 1000);
  if (part.dataset.stream) listen(part);
}
document.addEventListener("visibilitychange", () => { if (live()) document.querySelectorAll("[data-refresh]").forEach(refresh); });

/** A change told by the server is shown at once, at most once a second. */
function listen(part) {
  let waiting = 0;
  const soon = () => {
    if (waiting) return;
    waiting = setTimeout(() => { waiting = 0; refresh(part); }, Math.max(0, Number(part.dataset.asked ?? 0) + 1000 - Date.now()));
  };
  const source = new EventSource(part.dataset.stream);
  for (const kind of ["message", "resync"]) source.addEventListener(kind, soon);
}

function shown(root) { curves(root); tick(); reopen(); }

/** The row whose drawer is open stays marked when the list is drawn anew. */
function reopen() {
  const open = document.getElementById("drawer");
  const href = open && !open.hidden ? open.querySelector(".open-page")?.getAttribute("href") : null;
  for (const row of document.querySelectorAll("tr[data-href]")) row.classList.toggle("is-open", row.dataset.href === href);
}

document.addEventListener("drawer:open", (event) => shown(event.target));
document.addEventListener("htmx:after:swap", (event) => {
  shown(document);
  if (event.target.id !== "drawer") return;
  event.target.scrollTop = 0;
  document.querySelectorAll("#live[data-refresh]").forEach(refresh); // the list behind it
});
document.addEventListener("submit", (event) => { // a second tap on a slow network sends nothing twice
  const form = event.target;
  if (!form.matches("form[data-once]") || event.defaultPrevented) return;
  setTimeout(() => { for (const button of form.querySelectorAll("button")) button.disabled = true; }, 0);
  setTimeout(() => { for (const button of form.querySelectorAll("button")) button.disabled = false; }, 8000);
});
if (window.matchMedia("(max-width: 640px)").matches) // a phone shows the list first
  for (const fold of document.querySelectorAll("details.folded")) fold.open = false;
shown(document);
