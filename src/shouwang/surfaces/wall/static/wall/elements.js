// Small ways to make elements: text is always text, never markup.

export const one = (selector, root = document) => root.querySelector(selector);
export const all = (selector, root = document) => [...root.querySelectorAll(selector)];

export function el(tag, facts = {}, ...inside) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(facts)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "style") for (const [k, v] of Object.entries(value)) made.style.setProperty(k, v);
    else made.setAttribute(name === "className" ? "class" : name, value === true ? "" : value);
  }
  made.append(...inside.flat().filter((node) => node !== null && node !== undefined && node !== false));
  return made;
}

export const number = (n) => (n === null || n === undefined ? "–" : n.toLocaleString("en-US"));

export const short = (n) => (n === null || n === undefined ? "–" : String(Math.round(n * 100) / 100));

export const timeOf = (ms, seconds = true) =>
  new Date(ms).toLocaleTimeString("zh-CN", {
    hour12: false, hour: "2-digit", minute: "2-digit", second: seconds ? "2-digit" : undefined, timeZone: "Asia/Shanghai",
  });

export const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
export const narrow = () => innerWidth <= 1000;

export async function fetchJson(url) {
  const answer = await fetch(url, { headers: { Accept: "application/json" }, credentials: "same-origin" });
  if (!answer.ok) throw new Error(`${answer.status} ${url}`);
  return answer.json();
}
