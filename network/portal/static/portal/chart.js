/** Draws one bar a day with uPlot; colours come from the style sheet, so they follow light and dark. */

import { el } from "./dom.js";
import { day } from "./format.js";
import { empty } from "./table.js";

const DAY_S = 86_400;
const HEIGHT = 170;
const DAY_STEPS = [1, 2, 4, 7, 14, 28].map((days) => days * DAY_S);
const COUNT_STEPS = Array.from({ length: 10 }, (_, power) => [1, 2, 5].map((n) => n * 10 ** power)).flat();
const DARK = matchMedia("(prefers-color-scheme: dark)");

/**
 * A figure of bars, coloured by `kind`. `values` are plotted and nothing else; `show` gives the
 * words of a day by its index, `total` those of all days, `tick` those of the axis. `whole` is for
 * counts: no halves on the axis. Where there is nothing to plot, `none` says so in place of bars.
 */
export function chart({ kind, name, days, values, show, total, none, tick, whole = false }) {
  const caption = el("figcaption", {}, el("span", { class: "swatch" }), name);
  if (!values.some(Boolean)) return el("figure", { class: `chart ${kind}` }, caption, empty(none));
  const readout = el("p", { class: "readout", "aria-hidden": "true" }, total);
  const box = el("div", { class: "plot", role: "img", "aria-label": summary(name, days, values, show) });
  const data = [days.map((date) => Date.parse(date) / 1000), values];
  const follow = ({ cursor: { idx } }) => {
    readout.textContent = Number.isInteger(idx) ? `${day(days[idx])}: ${show(idx)}` : total;
  };
  let plot = null;
  const fit = () => {
    const size = { width: box.clientWidth, height: HEIGHT };
    // Only now, in the page, has the box a width, a font and colours.
    if (plot) plot.setSize(size);
    else plot = new uPlot({ ...size, ...look(box, tick, whole), hooks: { setCursor: [follow] } }, data, box);
  };
  new ResizeObserver(fit).observe(box);
  DARK.addEventListener("change", () => plot?.redraw());
  return el("figure", { class: `chart ${kind}` }, caption, readout, box);
}

function look(box, tick, whole) {
  const color = (property) => () => getComputedStyle(box).getPropertyValue(property);
  const { fontSize, fontFamily } = getComputedStyle(box);
  const text = { stroke: color("color"), font: `${fontSize} ${fontFamily}`, ticks: { show: false }, gap: 6 };
  const bars = uPlot.paths.bars({ size: [0.72, 36], radius: 0.15 });
  return {
    legend: { show: false },
    cursor: { y: false, points: { show: false }, drag: { x: false, y: false }, sync: { key: "days" } },
    scales: {
      x: { range: (_, from, to) => [from - DAY_S / 2, to + DAY_S / 2] },
      y: { range: (_, low, high) => [Math.min(low, 0) * 1.1, Math.max(high, 1) * 1.1] },
    },
    axes: [
      { ...text, grid: { show: false }, size: 26, space: 64, incrs: DAY_STEPS,
        values: (_, splits) => splits.map((second) => day(second * 1000)) },
      { ...text, grid: { stroke: color("border-top-color"), width: 1 }, size: 56, space: 30,
        values: (_, splits) => splits.map(tick), ...(whole && { incrs: COUNT_STEPS }) },
    ],
    series: [{}, { fill: color("outline-color"), width: 0, points: { show: false }, paths: bars }],
    // Days begin at midnight UTC here, whatever the zone of the one who looks.
    tzDate: (second) => uPlot.tzDate(new Date(second * 1000), "Etc/UTC"),
  };
}

/** What the picture says, for those who do not see it. */
function summary(name, days, values, show) {
  const best = values.indexOf(Math.max(...values));
  return `${name} a day from ${day(days[0])} to ${day(days.at(-1))}; the most is ${show(best)} on ${day(days[best])}.`;
}
