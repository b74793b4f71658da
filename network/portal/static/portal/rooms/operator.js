/** The operator's room: the whole network, what waits for a person, and who brings most. */

import { get } from "../api.js";
import { conversions, worth } from "../conversions.js";
import { el } from "../dom.js";
import { count, money, time } from "../format.js";
import { names } from "../names.js";
import { section } from "../section.js";
import { empty, table } from "../table.js";
import { trend } from "../trend.js";
import { reason } from "../verdict.js";

const TOP = 5;
const ROWS = 10;
const COUNTED = 200;
const NOTHING = "Nothing in the last 30 days. Bring in an advertiser and an affiliate, publish an "
  + "offer, fund it, and send a person through a link.";

/** The parts of the room. */
export function operator() {
  return [
    section("The last 30 days", () => trend([
      { key: "revenue", name: "Revenue" },
      { key: "commission", name: "Commission" },
    ], NOTHING)),
    section("Review queue", review),
    section("Top offers", () => top("offer", "Offer")),
    section("Top affiliates", () => top("affiliate", "Affiliate")),
    section("Latest conversions", () => conversions([
      worth("Revenue", "revenue"),
      worth("Commission", "commission"),
    ], "No conversions yet. They stand here as soon as an advertiser reports one.")),
  ];
}

async function review() {
  const { results, next_cursor: more } = await get("conversions", { review: true, limit: COUNTED });
  if (!results.length) return empty("Nothing waits for you. What the rules cannot decide comes here.");
  const rows = results.slice(0, ROWS);
  const affiliate = await names("affiliates", rows.map((row) => row.affiliate));
  const number = more ? `More than ${count(COUNTED)}` : count(results.length);
  const wait = results.length === 1 ? "conversion waits" : "conversions wait";
  return [
    el("p", {}, el("strong", {}, number), ` ${wait} for a person.`),
    table("The latest in the review queue", [
      { head: "Received (UTC)", cell: (row) => time(row.received_at) },
      { head: "Affiliate", cell: (row) => affiliate(row.affiliate) },
      { head: "Why", kind: "prose", cell: (row) => reason(row.reason) },
      { head: "Revenue", kind: "number", cell: (row) => money(row.revenue) },
    ], rows),
  ];
}

/** The largest by approved conversions, a number that all currencies share. */
async function top(group, head) {
  const { results } = await get("reports", { group });
  const rows = results
    .filter((row) => row[`${group}_name`])
    .sort((a, b) => b.conversions.approved - a.conversions.approved || b.clicks - a.clicks)
    .slice(0, TOP);
  if (!rows.length) return empty("Nothing in the last 30 days.");
  return table(`${head}s by approved conversions in the last 30 days`, [
    { head, cell: (row) => row[`${group}_name`] },
    { head: "Clicks", kind: "number", cell: (row) => count(row.clicks) },
    { head: "Approved", kind: "number", cell: (row) => count(row.conversions.approved) },
    { head: "Revenue", kind: "number", cell: (row) => money(row.revenue) },
    { head: "Commission", kind: "number", cell: (row) => money(row.commission) },
  ], rows);
}
