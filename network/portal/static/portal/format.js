/** Shows what the API says to people; amounts are decimal strings, added up in whole micros only. */

const LOCALE = "en-GB";
const PLACES = 6;
const MICROS = 10n ** BigInt(PLACES);
const COUNT = new Intl.NumberFormat(LOCALE);
const DAY = new Intl.DateTimeFormat(LOCALE, { day: "numeric", month: "short", timeZone: "UTC" });
const DATE = new Intl.DateTimeFormat(LOCALE, { dateStyle: "medium", timeZone: "UTC" });
const TIME = new Intl.DateTimeFormat(LOCALE, { dateStyle: "medium", timeStyle: "short", timeZone: "UTC" });

/** A whole number. */
export function count(number) {
  return COUNT.format(number);
}

/** An amount to the last digit that it has. */
export function money({ amount, currency }) {
  return formatter({ currency, maximumFractionDigits: PLACES }).format(amount);
}

/** An amount for a tile: whole minor units, rounded down, and `exact` where it has more digits. */
export function rounded(amount) {
  const text = formatter({ currency: amount.currency, roundingMode: "floor" }).format(amount.amount);
  const exact = money(amount);
  return { text, exact: exact === text ? null : exact };
}

/** The exact sum of amounts of one currency. */
export function sum(amounts) {
  const total = amounts.map(({ amount }) => micros(amount)).reduce((one, other) => one + other, 0n);
  const size = total < 0n ? -total : total;
  const fraction = String(size % MICROS).padStart(PLACES, "0");
  return { amount: `${total < 0n ? "-" : ""}${size / MICROS}.${fraction}`, currency: amounts[0].currency };
}

/** The note for money by currency, with the currencies among `rows` for which it is not true. */
export function noteBut(note, rows, but) {
  const others = [...new Set(rows.map(({ currency }) => currency))];
  return others.length ? `${note}; ${others.join(", ")}: ${but}` : note;
}

/** A plotted value for the axis of a chart, where there is little room. */
export function shortMoney(value, currency) {
  return formatter({ currency, notation: "compact", minimumFractionDigits: 0 }).format(value);
}

/** A plotted value for the axis of a chart of counts. */
export function shortCount(value) {
  return new Intl.NumberFormat(LOCALE, { notation: "compact" }).format(value);
}

/** "22 Nov", of an ISO date. */
export function day(text) {
  return DAY.format(new Date(text));
}

/** "22 Nov 2026", of an ISO date or time. */
export function date(text) {
  return DATE.format(new Date(text));
}

/** "22 Nov 2026, 14:05", of an ISO time. */
export function time(text) {
  return TIME.format(new Date(text));
}

/** A code of the API as words: "click_too_old" is "Click too old". */
export function words(code) {
  const text = code.replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** The beginning of a hash, enough to compare by eye. */
export function short(hash) {
  return `${hash.slice(0, 8)}…${hash.slice(-4)}`;
}

function micros(amount) {
  const [whole, fraction = ""] = amount.replace("-", "").split(".");
  const size = BigInt(whole + fraction.padEnd(PLACES, "0"));
  return amount.startsWith("-") ? -size : size;
}

function formatter(options) {
  return new Intl.NumberFormat(LOCALE, { style: "currency", ...options });
}
