/** The affiliate's room: what is owed, the traffic, what became of it, and the links. */

import { get } from "../api.js";
import { conversions, worth } from "../conversions.js";
import { noteBut, rounded } from "../format.js";
import { links } from "../links.js";
import { section } from "../section.js";
import { empty } from "../table.js";
import { tiles } from "../tiles.js";
import { trend } from "../trend.js";

const NOTHING = "Nothing in the last 30 days. Put one of your links where people see it: "
  + "each click shows here at once, each sale as soon as the shop reports it.";
const NO_CONVERSIONS = "No conversions yet. Send a person through one of your links: when they buy, "
  + "the shop reports it and it stands here, with its state and the reason.";
const NO_MONEY = "No money yet. An approved conversion earns a commission: it is held for the days "
  + "that the offer states, then payable, then part of a payout.";

/** The parts of the room. */
export function affiliate() {
  return [
    section("Your money", owed),
    section("The last 30 days", () => trend([{ key: "commission", name: "Commission" }], NOTHING)),
    section("Latest conversions", () => conversions([
      worth("Commission", "commission"),
    ], NO_CONVERSIONS)),
    section("Your links", links),
  ];
}

async function owed() {
  const { affiliates } = await get("balances");
  if (!affiliates.length) {
    return empty(NO_MONEY);
  }
  const values = (key) => affiliates.map((balance) => rounded(balance[key]));
  const stuck = affiliates.filter((balance) => !balance.has_rail).map(({ payable }) => payable);
  return tiles([
    { name: "Held", values: values("held"), note: "Until the offer's hold is over" },
    { name: "Payable", values: values("payable"), note: noteBut("For the next payout", stuck, "cannot be paid out yet") },
    { name: "In payout", values: values("in_payout"), note: "On its way to you" },
    { name: "Paid", values: values("paid"), note: "Booked by the bank" },
  ]);
}
