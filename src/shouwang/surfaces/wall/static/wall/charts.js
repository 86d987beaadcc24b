// The donut and the trend: ECharts drawn into panels that may change size.

import * as echarts from "../vendor/echarts/echarts.esm.min.mjs";
import { calm } from "./elements.js";

const INK = "#cfe4fb";
const FAINT = "#86a9cf";

function fitted(box) {
  const chart = echarts.init(box, null, { renderer: "canvas" });
  new ResizeObserver(() => chart.resize()).observe(box);
  return chart;
}

export function donut(box, levels, colours, choose) {
  const chart = fitted(box);
  chart.on("click", (event) => event.data?.id && choose(event.data.id));
  return (split) => {
    const total = levels.reduce((sum, lv) => sum + (split[lv.id] || 0), 0);
    const rings = levels.filter((lv) => split[lv.id]).map((lv) => ({
      id: lv.id, name: lv.title, value: split[lv.id],
      itemStyle: { color: colours[lv.id], shadowBlur: 14, shadowColor: colours[lv.id] + "66" },
    }));
    chart.setOption({
      animation: !calm(),
      series: [
        { type: "pie", silent: true, radius: ["92%", "93.5%"], label: { show: false }, z: 1,
          data: Array.from({ length: 36 }, (_, n) => ({
            value: 1, itemStyle: { color: n % 2 ? "transparent" : "rgba(86,190,255,.5)" } })) },
        { type: "pie", silent: true, radius: ["46%", "48%"], label: { show: false }, z: 1,
          data: [{ value: 1, itemStyle: { color: "rgba(86,190,255,.28)" } }] },
        { type: "pie", radius: ["58%", "82%"], padAngle: rings.length > 1 ? 2.5 : 0, minAngle: 5, z: 2,
          label: { show: false }, emphasis: { scaleSize: 4 }, itemStyle: { borderRadius: 3 },
          data: total ? rings : [{ value: 1, name: "", itemStyle: { color: "rgba(86,170,255,.12)" } }] },
      ],
    }, { replaceMerge: ["series"] });
  };
}

export function trend(box, levels, colours, choose) {
  const chart = fitted(box);
  chart.getZr().on("click", () => choose());
  return (counted) => {
    chart.setOption({
      animation: !calm(), animationDuration: 500,
      grid: { left: 34, right: 12, top: 12, bottom: 24 },
      tooltip: {
        trigger: "axis", confine: true, backgroundColor: "rgba(5,22,44,.96)", borderColor: "#2f8fd8",
        textStyle: { color: INK, fontSize: 13 }, axisPointer: { lineStyle: { color: "rgba(120,200,255,.6)" } },
      },
      xAxis: { type: "category", boundaryGap: false, data: counted.hours, axisTick: { show: false },
        axisLabel: { color: FAINT, interval: 3, fontSize: 12 }, axisLine: { lineStyle: { color: "#1f4a78" } } },
      yAxis: { type: "value", minInterval: 1, axisLabel: { color: FAINT, fontSize: 12 }, splitNumber: 4,
        splitLine: { lineStyle: { color: "rgba(86,170,255,.11)", type: "dashed" } } },
      series: [...levels].reverse().map((lv) => ({
        name: lv.title, type: "line", stack: "all", smooth: 0.35, smoothMonotone: "x", symbol: "none",
        color: colours[lv.id], lineStyle: { width: 1.6, color: colours[lv.id] },
        areaStyle: { color: { type: "linear", x: 0, y: 0, x2: 0, y2: 1, colorStops: [
          { offset: 0, color: colours[lv.id] + "c0" }, { offset: 1, color: colours[lv.id] + "1c" }] } },
        data: counted[lv.id],
      })),
    });
  };
}
