// The frame's own behaviour: drawer, photo previews, closing menus. Everything works without it.
const drawer = document.getElementById("drawer");
let opener = null;

export function closeDrawer() {
  if (!drawer || drawer.hidden) return;
  drawer.hidden = true;
  drawer.replaceChildren();
  document.querySelector("tr.is-open")?.classList.remove("is-open");
  opener?.focus();
}

export async function openDrawer(url, from) {
  opener = from ?? document.activeElement;
  const reply = await fetch(url, { headers: { "HX-Request": "true", "X-Drawer": "1" } });
  if (reply.redirected || !reply.ok) { window.location.href = url; return; }
  drawer.innerHTML = await reply.text();
  drawer.hidden = false;
  window.htmx?.process(drawer);
  drawer.dispatchEvent(new CustomEvent("drawer:open", { bubbles: true }));
  drawer.querySelector("h2, h1")?.setAttribute("tabindex", "-1");
  drawer.querySelector("h2, h1")?.focus();
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-drawer]");
  if (link && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    document.querySelector("tr.is-open")?.classList.remove("is-open");
    link.closest("tr")?.classList.add("is-open");
    openDrawer(link.dataset.drawer || link.getAttribute("href"), link);
    return;
  }
  const row = event.target.closest("tr[data-href], li[data-row]");
  if (row && !event.target.closest("a, button, input, label")) row.querySelector("[data-drawer], a")?.click();
  if (event.target.closest("[data-close]")) closeDrawer();
  for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
});
document.addEventListener("keydown", (event) => { if (event.key === "Escape") closeDrawer(); });

document.addEventListener("change", (event) => {
  const input = event.target;
  if (!input.matches?.("input[data-preview]")) return;
  const field = input.closest(".field");
  const shown = field.querySelector(".previews");
  shown.replaceChildren(...[...field.querySelectorAll("input[data-preview]")].flatMap((one) => [...one.files]).map((file) => {
    const picture = new Image();
    picture.alt = file.name;
    picture.src = URL.createObjectURL(file);
    picture.addEventListener("load", () => URL.revokeObjectURL(picture.src));
    return picture;
  }));
});

document.addEventListener("submit", (event) => {
  const asked = event.submitter?.dataset.confirm ?? event.target.dataset.confirm;
  if (asked && !window.confirm(asked)) event.preventDefault();
});
document.addEventListener("change", (event) => {
  if (event.target.matches?.("[data-submit]")) event.target.form.requestSubmit();
});
