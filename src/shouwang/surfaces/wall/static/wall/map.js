// The map: one region as a slab, its parts as buttons, its enterprises as lights.

import * as ml from "../vendor/maplibre/maplibre-gl.mjs";
import { calm, el, narrow } from "./elements.js";
import { EMPTY, grain, layers } from "./slab.js";

ml.setWorkerUrl(new URL("../vendor/maplibre/maplibre-gl-worker.mjs", import.meta.url).href);

const PILLARS = 36; // light columns at most: markers cost more than circles
const PINGS = 6;
const SHARE = 20; // new facts may take a twentieth of the time: without a graphics card one picture costs what thirty do
const TILT = { pitch: 42, bearing: -6 };
const FLAT = { pitch: 0, bearing: 0 };

const featureOf = (geometry, properties = {}) => ({ type: "Feature", geometry, properties });
const collection = (features) => ({ type: "FeatureCollection", features });

/** The corners of the larger pieces: a speck far out at sea must not shrink the whole picture. */
function corners({ type, coordinates }) {
  const pieces = (type === "Polygon" ? [coordinates] : coordinates).map(([ring]) => {
    const [xs, ys] = [ring.map(([x]) => x), ring.map(([, y]) => y)];
    return { ring, size: (Math.max(...xs) - Math.min(...xs)) * (Math.max(...ys) - Math.min(...ys)) };
  });
  const least = Math.max(...pieces.map((piece) => piece.size)) * 0.015;
  return pieces.filter((piece) => piece.size >= least).flatMap((piece) => piece.ring);
}

function padding() {
  if (narrow()) return { left: 16, right: 16, top: 26, bottom: 54 };
  const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
  return { left: 28 * rem, right: 28 * rem, top: 14.5 * rem, bottom: 7.2 * rem };
}

export async function draw(box, { levels, colours, onPart, onEnterprise }) {
  const map = new ml.Map({
    container: box, attributionControl: false, dragRotate: true, maxPitch: 60, doubleClickZoom: false,
    fadeDuration: 0, pixelRatio: Math.min(devicePixelRatio || 1, 2), cooperativeGestures: narrow(),
    style: { version: 8, sources: {}, layers: [] }, ...(narrow() ? FLAT : TILT),
  });
  await map.once("load");
  map.addImage("grain", grain());
  for (const id of ["around", "halo", "outline", "parts", "lines", "firms", "chosen"])
    map.addSource(id, { type: "geojson", data: EMPTY, promoteId: { parts: "code", firms: "id" }[id] });
  for (const layer of layers(colours, levels)) map.addLayer(layer);

  let sheet = null;
  let names = [];
  let pillars = [];
  let pings = [];
  let popup = null;
  let shown = null;
  let painted = { places: "", lights: {}, shades: {}, at: -Infinity, cost: 0 };
  let waiting = 0;

  let tilted = !narrow();
  const view = () => (tilted ? TILT : FLAT);
  const eased = (facts) => ({ ...facts, duration: calm() ? 0 : facts.duration ?? 900, essential: false });

  /** Fill the room between the panels: a first guess by the library, then measured on the screen and corrected. */
  function fit(duration = 900) {
    const [west, south, east, north] = sheet.bounds;
    const before = { center: map.getCenter(), zoom: map.getZoom(), pitch: map.getPitch(), bearing: map.getBearing() };
    const room = padding();
    map.jumpTo(map.cameraForBounds([[west, south], [east, north]], { padding: room, ...view() }));
    map.jumpTo(view());
    const rings = corners(sheet.outline);
    for (let pass = 0; pass < 4; pass += 1) {
      const seen = rings.map((at) => map.project(at));
      const [left, right] = [Math.min(...seen.map((p) => p.x)), Math.max(...seen.map((p) => p.x))];
      const [top, bottom] = [Math.min(...seen.map((p) => p.y)), Math.max(...seen.map((p) => p.y))];
      const [w, h] = [box.clientWidth - room.left - room.right, box.clientHeight - room.top - room.bottom];
      const zoom = map.getZoom() + Math.log2(Math.min(w / (right - left), h / (bottom - top)));
      const shift = [(left + right) / 2 - room.left - w / 2, (top + bottom) / 2 - room.top - h / 2];
      const middle = map.unproject([box.clientWidth / 2 + shift[0], box.clientHeight / 2 + shift[1]]);
      map.jumpTo({ center: middle, zoom });
    }
    const after = { center: map.getCenter(), zoom: map.getZoom(), ...view() };
    if (duration && !calm()) {
      map.jumpTo(before);
      map.easeTo({ ...after, duration });
    }
  }

  function reset(next, duration) {
    sheet = next;
    map.getSource("around").setData(collection(sheet.context));
    map.getSource("outline").setData(featureOf(sheet.outline));
    map.getSource("halo").setData(collection(sheet.halo));
    map.getSource("lines").setData(collection(sheet.lines.map((line) => featureOf(line))));
    map.getSource("chosen").setData(EMPTY);
    unpop();
    pings.forEach((ping) => ping.remove());
    pings = [];
    map.getSource("parts").setData(collection(sheet.parts));
    map.removeFeatureState({ source: "parts" });
    painted = { ...painted, places: "", shades: {} };
    map.setMinZoom(0);
    fit(duration);
  }

  /** Lights and shades as of now: at once when a person asked, else no oftener than the machine draws with ease. */
  function show(rows, filter, counts, asked) {
    clearTimeout(waiting);
    tally(counts);
    const paint = () => {
      const began = performance.now();
      if (![lights(rows, filter), shades(counts)].some(Boolean)) return;
      painted.at = began;
      map.once("idle", () => { painted.cost = performance.now() - began; });
    };
    if (asked) return paint();
    waiting = setTimeout(paint, Math.max(0, painted.at + SHARE * painted.cost - performance.now()));
  }

  /** Shade the parts: the more open warnings, the brighter. Whether anything changed. */
  function shades(counts) {
    const most = Math.max(1, ...Object.values(counts).map(([open]) => open));
    const changed = sheet.parts.map(({ properties: { code } }) => [code, (counts[code]?.[0] || 0) / most])
      .filter(([code, heat]) => painted.shades[code] !== heat);
    for (const [id, heat] of changed) map.setFeatureState({ source: "parts", id }, { heat: painted.shades[id] = heat });
    return changed.length > 0;
  }

  function name(parts) {
    names.forEach((marker) => marker.remove());
    names = parts.map((part) => {
      const count = el("i", { className: "num" });
      const label = part.go
        ? el("button", { className: "name", type: "button", onclick: () => onPart(part.code) }, part.name, count)
        : el("span", { className: "name quiet" }, part.name, count);
      const marker = new ml.Marker({ element: label, anchor: "center" }).setLngLat(part.at).addTo(map);
      label.removeAttribute("role");
      label.removeAttribute("aria-label");
      if (!part.go) label.removeAttribute("tabindex");
      return Object.assign(marker, { part, count });
    });
    requestAnimationFrame(untangle);
  }

  function tally(counts) {
    for (const marker of names) {
      const [open, level] = counts[marker.part.code] || [0, ""];
      marker.count.textContent = open || "";
      marker.count.className = `num lv-${level || "none"}`;
      marker.weight = open;
    }
    requestAnimationFrame(untangle);
  }

  /** Names that would lie on one another step aside; where there is no room the lighter one hides. */
  function untangle() {
    const taken = [];
    const tries = [[0, 0], [0, -20], [0, 20], [-30, 0], [30, 0], [0, -36], [0, 36], [-46, -18], [46, 18]];
    for (const marker of [...names].sort((a, b) => (b.weight || 0) - (a.weight || 0))) {
      const at = map.project(marker.getLngLat());
      const node = marker.getElement();
      const [w, h] = [node.offsetWidth / 2 + 3, node.offsetHeight / 2 + 1];
      const free = tries.find(([dx, dy]) => taken.every(([x, y, tw, th]) =>
        Math.abs(at.x + dx - x) > w + tw || Math.abs(at.y + dy - y) > h + th));
      node.classList.toggle("crowded", !free);
      if (!free) continue;
      marker.setOffset(free);
      taken.push([at.x + free[0], at.y + free[1], w, h]);
    }
  }

  /** Where the enterprises stand; their levels are states, so that a warning costs one picture and no new tiles. */
  function places(rows) {
    const near = rows.length < 60 ? 1 : rows.length < 160 ? 0.5 : rows.length < 600 ? 0.15 : 0;
    const data = collection(rows.map(([id, , lon, lat]) =>
      featureOf({ type: "Point", coordinates: [lon, lat] }, { id, near })));
    const print = JSON.stringify(data);
    if (print === painted.places) return false;
    map.removeFeatureState({ source: "firms" });
    map.getSource("firms").setData(data);
    Object.assign(painted, { places: print, lights: {} });
    return true;
  }

  /** The enterprises as lights in their level's colour, the worst as pillars. Whether anything changed. */
  function lights(rows, filter) {
    const moved = places(rows);
    const changed = rows.map(([id, , , , level]) => [id, level || "", !filter.has(level || "none")])
      .filter(([id, level, hidden]) => painted.lights[id] !== `${level}${hidden}`);
    for (const [id, level, hidden] of changed) {
      map.setFeatureState({ source: "firms", id }, { level, hidden });
      painted.lights[id] = `${level}${hidden}`;
    }
    if (!moved && !changed.length) return false;
    const kept = rows.filter(([, , , , level]) => filter.has(level || "none"));
    pillars.forEach((pillar) => pillar.remove());
    const rank = { red: 0, orange: 1 };
    pillars = kept.filter(([, , , , level]) => level in rank).sort((a, b) => rank[a[4]] - rank[b[4]]).slice(0, PILLARS)
      .map(([, , lon, lat, level]) => {
        const beam = el("div", { className: `pillar lv-${level}`, "aria-hidden": "true" });
        const marker = new ml.Marker({ element: beam, anchor: "bottom" }).setLngLat([lon, lat]).addTo(map);
        for (const extra of ["role", "aria-label", "tabindex"]) beam.removeAttribute(extra);
        return marker;
      });
    return true;
  }

  function ping(lon, lat, level) {
    const ring = el("div", { className: `ping lv-${level}`, "aria-hidden": "true" });
    const marker = new ml.Marker({ element: ring }).setLngLat([lon, lat]).addTo(map);
    for (const extra of ["role", "aria-label", "tabindex"]) ring.removeAttribute(extra);
    pings.push(marker);
    if (pings.length > PINGS) pings.shift().remove();
  }

  function unpop() {
    const was = popup;
    popup = null;
    was?.remove();
    map.getSource("chosen").setData(EMPTY);
  }

  /** Stand a card at a place. */
  function pop(card, lon, lat, closed) {
    unpop();
    map.getSource("chosen").setData(featureOf({ type: "Point", coordinates: [lon, lat] }));
    if (narrow()) return;
    const made = new ml.Popup({ offset: 18, maxWidth: "none", closeButton: false, closeOnClick: false })
      .setLngLat([lon, lat]).setDOMContent(card).addTo(map);
    made.on("close", () => popup === made && closed());
    popup = made;
  }

  function fly(lon, lat) {
    const low = narrow() ? 0 : box.clientHeight * 0.2; // below the middle: its card stands above it
    map.flyTo(eased({ center: [lon, lat], zoom: Math.max(map.getZoom(), 10.2), ...view(), offset: [0, low],
      duration: 1100 }));
  }

  function at(point, layer, reach = 0) {
    const area = reach ? [[point.x - reach, point.y - reach], [point.x + reach, point.y + reach]] : point;
    return map.queryRenderedFeatures(area, { layers: [layer] }).find((found) => !found.state?.hidden)?.properties;
  }

  map.on("click", (event) => {
    const firm = at(event.point, "firm", 5);
    if (firm) return onEnterprise(firm.id);
    const part = at(event.point, "parts") || at(event.point, "around");
    if (part) onPart(part.code);
  });
  map.on("mousemove", (event) => {
    const code = at(event.point, "parts")?.code || "";
    if (code !== shown) map.setFilter("hover", ["==", ["get", "code"], shown = code]);
    map.getCanvas().style.cursor = at(event.point, "firm", 5) || (code && sheet.parts.length > 1) ? "pointer" : "";
  });
  map.on("moveend", untangle);
  map.on("resize", () => sheet && fit(0));

  return {
    reset, show, name, ping, pop, unpop, fly, fit,
    tilted: () => map.getPitch() > 10,
    tilt: (up) => { tilted = up; fit(700); },
    label: (text) => map.getCanvas().setAttribute("aria-label", text),
    idle: () => new Promise((done) => { map.once("idle", done); setTimeout(done, 6000); }),
  };
}
