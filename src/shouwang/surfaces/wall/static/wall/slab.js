// How the region looks: a lit slab over a dark floor. Layers only; what they show comes from map.js.

const DEPTH = [[26, "#010812"], [22, "#031a33"], [18, "#052547"], [15, "#07305a"], [12, "#083a6b"],
  [9, "#0a467f"], [6, "#0c5293"], [3, "#1065b0"]];

export const EMPTY = { type: "FeatureCollection", features: [] };

/** A tile of fine dots, so that the slab's surface has grain. */
export function grain() {
  const size = 14;
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = size;
  const pen = canvas.getContext("2d");
  pen.fillStyle = "rgba(150,215,255,.20)";
  pen.fillRect(3, 3, 1.6, 1.6);
  pen.fillRect(10, 10, 1.6, 1.6);
  return pen.getImageData(0, 0, size, size);
}

export function layers(colours, levels) {
  const round = { "line-join": "round", "line-cap": "round" };
  const down = (dy) => ({ "fill-translate": [0, dy], "fill-translate-anchor": "viewport" });
  const level = ["to-string", ["feature-state", "level"]]; // "" while no warning is open
  const seen = (opacity) => ["case", ["boolean", ["feature-state", "hidden"], false], 0, opacity];
  const colour = ["match", level, ...levels.flatMap((lv) => [lv.id, colours[lv.id]]), colours.none];
  const radius = (red, orange, yellow, blue, none) =>
    ["match", level, "red", red, "orange", orange, "yellow", yellow, "blue", blue, none];
  const warned = (size) => ["case", ["==", level, ""], 0, size];
  return [
    { id: "ground", type: "background", paint: { "background-color": "rgba(0,0,0,0)" } },
    { id: "around", type: "fill", source: "around", paint: { "fill-color": "#0a2440", "fill-opacity": 0.62 } },
    { id: "around-line", type: "line", source: "around", layout: round,
      paint: { "line-color": "#2b5f93", "line-width": 0.8, "line-opacity": 0.75 } },
    { id: "halo", type: "fill", source: "halo", paint: { "fill-color": "#1a95ff", "fill-opacity": 0.062,
      "fill-antialias": false, "fill-translate": [0, 14], "fill-translate-anchor": "viewport" } },
    ...DEPTH.map(([dy, tone]) => ({ id: `slab-${dy}`, type: "fill", source: "outline",
      paint: { "fill-color": tone, "fill-antialias": true, ...down(dy) } })),
    { id: "slab-edge", type: "line", source: "outline", layout: round, paint: {
      "line-color": "#2fa8ff", "line-width": 1.2, "line-opacity": 0.55, "line-blur": 0.6,
      "line-translate": [0, 24], "line-translate-anchor": "viewport" } },
    { id: "parts", type: "fill", source: "parts", paint: { "fill-color": [
      "interpolate", ["linear"], ["coalesce", ["feature-state", "heat"], 0], 0, "#0b3765", 0.35, "#0f4a84", 0.7, "#1566a6", 1, "#1c7fc2"] } },
    { id: "grain", type: "fill", source: "outline", paint: { "fill-pattern": "grain" } },
    { id: "parts-glow", type: "line", source: "parts", layout: round, paint: {
      "line-color": "#45b8ff", "line-width": 9, "line-blur": 9, "line-opacity": 0.34 } },
    { id: "parts-line", type: "line", source: "parts", layout: round, paint: {
      "line-color": "#8fd4ff", "line-width": 1.1, "line-opacity": 0.8 } },
    { id: "hover", type: "fill", source: "parts", filter: ["==", ["get", "code"], ""],
      paint: { "fill-color": "#7fd3ff", "fill-opacity": 0.26 } },
    { id: "edge-glow", type: "line", source: "outline", layout: round, paint: {
      "line-color": "#38b6ff", "line-width": 9, "line-blur": 8, "line-opacity": 0.85 } },
    { id: "edge", type: "line", source: "outline", layout: round, paint: {
      "line-color": "#d2f1ff", "line-width": 1.8 } },
    { id: "lines", type: "line", source: "lines", layout: round, paint: {
      "line-color": "#d2f1ff", "line-width": 2, "line-opacity": 0.8 } },
    { id: "firm-glow", type: "circle", source: "firms", paint: {
      "circle-color": colour, "circle-blur": 1, "circle-opacity": seen(0.62), "circle-pitch-alignment": "map",
      "circle-radius": ["interpolate", ["linear"], ["get", "near"], 0, radius(20, 15, 11, 9, 0), 1, radius(30, 24, 18, 15, 0)] } },
    { id: "firm", type: "circle", source: "firms", paint: {
      "circle-color": colour, "circle-stroke-color": "rgba(2,14,30,.85)", "circle-stroke-width": 1.2,
      "circle-opacity": seen(1), "circle-stroke-opacity": seen(1),
      "circle-radius": ["interpolate", ["linear"], ["get", "near"], 0, radius(6, 5.2, 4.5, 4, 3), 1, radius(9, 8, 7, 6.5, 5.5)] } },
    { id: "firm-core", type: "circle", source: "firms", paint: {
      "circle-color": "#fff", "circle-opacity": seen(0.9), "circle-radius": warned(1.3) } },
    { id: "chosen", type: "circle", source: "chosen", paint: {
      "circle-color": "rgba(255,255,255,.08)", "circle-stroke-color": "#fff", "circle-stroke-width": 2,
      "circle-radius": 15 } },
  ];
}
