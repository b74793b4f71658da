/** The last thirty days: totals, a chart for each measure, the table behind them, and its CSV. */

import { file, get } from "./api.js";
import { chart } from "./chart.js";
import { announce, el } from "./dom.js";
import { count, day, money, rounded, shortCount, shortMoney, time, words } from "./format.js";
import { attempt, notice } from "./notice.js";
import { empty, table } from "./table.js";
import { tiles } from "./tiles.js";

const DAY_MS = 86_400_000;

/**
 * Clicks, conversions and `amounts`, which are `{ key, name }` of the report's columns of money;
 * `hint` is what to read where nothing has happened yet.
 */
export async function trend(amounts, hint) {
  const report = await get("reports", { group: "day" });
  const { from, to } = report;
  if (!report.results.length) return empty(hint);
  // The API sums up, for each currency by itself; here only counts are added.
  const totals = (await get("reports", { from, to })).results;
  return [
    tiles(counts(totals)),
    tiles(sums(totals, amounts)),
    el("div", { class: "charts" }, clicks(report, totals), flows(report, totals, amounts)),
    twin(report, totals, amounts),
  ];
}

function counts(totals) {
  return [
    { name: "Clicks", values: [count(clicked(totals))] },
    ...states(totals).map((status) => ({
      name: words(status),
      values: [count(totals.reduce((sum, row) => sum + row.conversions[status], 0))],
    })),
  ];
}

function sums(totals, amounts) {
  const values = (key) => totals.filter((row) => row[key]).map((row) => rounded(row[key]));
  return amounts.flatMap(({ key, name }) => [
    { name, values: values(key), note: "Approved, less what was reversed" },
    { name: `${name} pending`, values: values(`pending_${key}`), note: "May still be approved" },
  ]);
}

function clicks(report, totals) {
  const days = daysOf(report);
  const values = days.map((date) => clicked(report.results.filter((row) => row.day === date)));
  return chart({
    kind: "clicks",
    name: "Clicks",
    days,
    values,
    show: (index) => count(values[index]),
    total: count(clicked(totals)),
    none: "No clicks in these days.",
    tick: shortCount,
    whole: true,
  });
}

/** Charts for each currency: amounts of two never stand on one axis. */
function flows(report, totals, amounts) {
  return totals.filter((row) => row.currency).flatMap((total) =>
    amounts.map((measure) => flow(report, total, measure)));
}

function flow(report, total, { key, name }) {
  const { currency } = total;
  const days = daysOf(report);
  const rows = new Map(report.results.filter((row) => row.currency === currency).map((row) => [row.day, row]));
  const amounts = days.map((date) => rows.get(date)?.[key] ?? { amount: "0", currency });
  return chart({
    kind: key,
    name: `${name} (${currency})`,
    days,
    values: amounts.map(({ amount }) => Number(amount)),
    show: (index) => money(amounts[index]),
    total: money(total[key]),
    none: `Nothing in ${currency} was approved or reversed in these days.`,
    tick: (value) => shortMoney(value, currency),
  });
}

function twin(report, totals, amounts) {
  const { from, to } = report;
  const columns = [
    { head: "Day", cell: (row) => day(row.day) },
    ...(totals.length > 1 ? [{ head: "Currency", cell: (row) => row.currency ?? "–" }] : []),
    { head: "Clicks", kind: "number", cell: (row) => count(row.clicks) },
    ...states(totals).map((status) => ({
      head: words(status), kind: "number", cell: (row) => count(row.conversions[status]),
    })),
    ...amounts.map(({ key, name }) => ({
      head: name, kind: "number", cell: (row) => (row[key] ? money(row[key]) : "–"),
    })),
  ];
  const line = notice();
  const save = () => attempt(line, async () => {
    const data = await file("reports", { group: "day", from, to, format: "csv" });
    const href = URL.createObjectURL(data);
    el("a", { href, download: `report-${from}-${to}.csv` }).click();
    URL.revokeObjectURL(href);
    announce("The CSV file is saved.");
  });
  const until = `Days in ${report.tz}; up to ${time(report.complete_until)} UTC.`;
  return el("div", { class: "twin" },
    el("p", { class: "quiet" }, until),
    el("details", {},
      el("summary", {}, "Show as a table"),
      table("Clicks, conversions and money by day, the latest first", columns, report.results.toReversed())),
    el("button", { type: "button", click: save }, "Download CSV"),
    line);
}

function daysOf({ from, to }) {
  const length = (Date.parse(to) - Date.parse(from)) / DAY_MS + 1;
  return Array.from({ length }, (_, index) =>
    new Date(Date.parse(from) + index * DAY_MS).toISOString().slice(0, 10));
}

function clicked(rows) {
  return rows.reduce((sum, row) => sum + row.clicks, 0);
}

/** The states in which any conversion is; those that never happen take no room. */
function states(totals) {
  return Object.keys(totals[0].conversions).filter((status) =>
    totals.some((row) => row.conversions[status]) || status === "approved" || status === "pending");
}
