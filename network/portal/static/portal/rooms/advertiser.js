/** The advertiser's room: the funds, the caps, what was spent on which result, and the latest. */

import { get } from "../api.js";
import { caps } from "../caps.js";
import { conversions, worth } from "../conversions.js";
import { money, noteBut, rounded } from "../format.js";
import { section } from "../section.js";
import { empty } from "../table.js";
import { tiles } from "../tiles.js";
import { trend } from "../trend.js";

const NOTHING = "Nothing in the last 30 days. Affiliates send people once one of your offers is "
  + "active and your balance covers what it pays.";
const NO_CONVERSIONS = "No conversions yet. Report a sale with the click id that your landing page "
  + "received: the guide for shops, docs/reports.md, has the address and an example.";
const NO_FUNDS = "No deposit yet. Transfer money to the network; conversions are paid from what you "
  + "have deposited, and clicks go elsewhere while there is none.";

/** The parts of the room. */
export function advertiser() {
  return [
    section("Your funds", funds),
    section("Caps on clicks", caps),
    section("The last 30 days", () => trend([{ key: "revenue", name: "Spend" }], NOTHING)),
    section("Latest conversions", () => conversions([
      { head: "Order", cell: (row) => row.order_id ?? row.event_id ?? "–" },
      { head: "Sale", kind: "number", cell: (row) => (row.sale ? money(row.sale) : "–") },
      worth("You pay", "revenue"),
    ], NO_CONVERSIONS)),
  ];
}

async function funds() {
  const { advertisers } = await get("balances");
  if (!advertisers.length) {
    return empty(NO_FUNDS);
  }
  const values = (key) => advertisers.map((balance) => rounded(balance[key]));
  const idle = advertisers.filter((balance) => !balance.has_offer).map(({ available }) => available);
  return tiles([
    { name: "Available", values: values("available"), note: noteBut("For new conversions", idle, "no active offer") },
    { name: "Reserved", values: values("reserved"), note: "For conversions being checked or booked" },
    { name: "Balance", values: values("prepaid"), note: "Deposits less what was booked" },
    { name: "Credit limit", values: values("credit_limit"), note: "How far below zero you may go" },
  ]);
}
