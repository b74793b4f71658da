/** Finance's room: what is owed, which runs wait for a second person, what was sent, the balances. */

import { get } from "../api.js";
import { el } from "../dom.js";
import { count, money, noteBut, rounded, short, sum, time, words } from "../format.js";
import { names } from "../names.js";
import { section } from "../section.js";
import { empty, table } from "../table.js";
import { tiles } from "../tiles.js";
import { trend } from "../trend.js";
import { state } from "../verdict.js";

const ROWS = 10;
const PEOPLE = 200;
const OWED = [
  { kind: "affiliate_held", name: "Held", note: "Until the offers' holds are over" },
  { kind: "affiliate_payable", name: "Payable", note: "For the next run", paid: true },
  { kind: "affiliate_in_payout", name: "In payout", note: "Locked or sent, not settled" },
  { kind: "advertiser_prepaid", name: "Prepaid", note: "What advertisers still have" },
];
const FLOWS = [
  { key: "revenue", name: "Revenue" },
  { key: "commission", name: "Commission" },
];
const NOTHING = "Nothing in the last 30 days. What conversions bring in and cost stands here, day by day.";
const NO_RUNS = "No run waits. One person builds a run and locks it; then it stands here until "
  + "another person approves exactly that content.";
const NO_PAYOUTS = "No payouts yet. A run makes one for each affiliate with enough payable money and "
  + "a payee method.";

/** The parts of the room; `me` is the one who looks. */
export function finance(me) {
  return [
    section("What is owed", owed),
    section("Runs waiting for approval", () => waiting(me.person.id)),
    section("The last 30 days", () => trend(FLOWS, NOTHING)),
    section("Latest payouts", payouts),
    section("Balances", balances),
  ];
}

async function owed() {
  const { network } = await get("balances");
  return tiles(OWED.map(({ kind, name, note, paid = false }) => {
    const accounts = network.filter((account) => account.kind === kind);
    const stuck = accounts.filter(({ has_rail: rail }) => paid && !rail).map(({ balance }) => balance);
    return {
      name,
      note: noteBut(note, stuck, "no rail carries it"),
      values: accounts.map(({ balance }) => rounded(balance)),
    };
  }));
}

async function waiting(self) {
  const { results } = await get("payout-runs", { state: "locked", limit: ROWS });
  if (!results.length) {
    return empty(NO_RUNS);
  }
  const people = await get("memberships", { role: "finance", limit: PEOPLE });
  const person = new Map(people.results.map((member) => [member.person.id, member.person.name || member.person.email]));
  person.set(self, "You, so another person approves");
  return table("Runs waiting for approval", [
    { head: "Run", cell: (run) => `#${run.id}` },
    { head: "Made by", cell: (run) => person.get(run.maker) ?? `#${run.maker}` },
    { head: "Locked (UTC)", cell: (run) => time(run.locked_at) },
    { head: "Content", cell: (run) => el("code", { title: run.content_sha256 }, short(run.content_sha256)) },
    { head: "Payouts", kind: "number", cell: (run) => count(run.payouts_count) },
    { head: "Total", kind: "number", cell: (run) => money(run.total) },
  ], results);
}

async function payouts() {
  const { results } = await get("payouts", { limit: ROWS });
  if (!results.length) return empty(NO_PAYOUTS);
  const affiliate = await names("affiliates", results.map((payout) => payout.affiliate));
  return table("Latest payouts", [
    { head: "Payout", cell: (payout) => `#${payout.id}` },
    { head: "Run", cell: (payout) => `#${payout.run}` },
    { head: "Affiliate", cell: (payout) => affiliate(payout.affiliate) },
    { head: "Account", cell: (payout) => `…${payout.account_last4}` },
    { head: "State", cell: (payout) => state(payout.state) },
    { head: "Net", kind: "number", cell: (payout) => money(payout.net) },
  ], results);
}

async function balances() {
  const { affiliates, advertisers, network } = await get("balances");
  if (!network.length) return empty("The books are empty. The first deposit opens them.");
  return [
    ...await largest("affiliates", "Affiliate", affiliates, ["held", "payable", "in_payout", "paid"]),
    ...await largest("advertisers", "Advertiser", advertisers, ["prepaid", "reserved", "available", "credit_limit"]),
    el("h3", {}, "All accounts"),
    table("All accounts", [{ head: "Account", cell: (row) => words(row.kind) }, column("balance")], network),
  ];
}

/** Whose balances are the largest; the API has them in that order. The others stand as their sum. */
async function largest(collection, head, all, keys) {
  const rows = all.slice(0, ROWS);
  const id = (row) => row[head.toLowerCase()];
  const name = await names(collection, rows.map(id));
  const title = `${head}s`;
  const lines = [...rows, ...rest(all.slice(ROWS), keys)];
  return [
    el("h3", {}, title),
    rows.length
      ? table(title, [{ head, cell: (row) => row.more ?? name(id(row)) }, ...keys.map(column)], lines)
      : empty("None yet."),
  ];
}

/** One row for each currency of these: how many they are, and their sums. */
function rest(others, keys) {
  const currencies = [...new Set(others.map((row) => row[keys[0]].currency))];
  return currencies.map((currency) => {
    const same = others.filter((row) => row[keys[0]].currency === currency);
    const sums = keys.map((key) => [key, sum(same.map((row) => row[key]))]);
    return { more: `${count(same.length)} more`, ...Object.fromEntries(sums) };
  });
}

function column(key) {
  return { head: words(key), kind: "number", cell: (row) => money(row[key]) };
}
