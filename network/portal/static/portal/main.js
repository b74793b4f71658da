/** Opens the door or the room of the one who is signed in. */

import { Problem } from "./api.js";
import { announce, el } from "./dom.js";
import { words } from "./format.js";
import { advertiser } from "./rooms/advertiser.js";
import { affiliate } from "./rooms/affiliate.js";
import { finance } from "./rooms/finance.js";
import { operator } from "./rooms/operator.js";
import { memberships, signInForm, signOut, whoIsHere } from "./session.js";

const ROOMS = { advertiser, affiliate, finance, operator };

const main = document.getElementById("main");
const corner = document.getElementById("person");

async function open() {
  main.replaceChildren(el("p", { class: "quiet" }, "Loading…"));
  try {
    const me = await whoIsHere();
    if (me) enter(me);
    else main.replaceChildren(signInForm(open));
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    main.replaceChildren(el("div", { class: "problem", role: "alert" },
      el("p", {}, error.message),
      el("button", { type: "button", click: open }, "Try again")));
  }
}

function enter(me) {
  // The session may end while the page is open: the door again, with nothing left of what it showed.
  document.addEventListener("signed-out", () => location.reload(), { once: true });
  const title = me.organisation.name;
  document.title = `${title} · Peraction`;
  corner.replaceChildren(...[
    memberships(me),
    el("span", {}, me.person.email),
    el("button", { type: "button", click: signOut }, "Sign out"),
  ].filter((node) => node !== null));
  main.replaceChildren(
    el("h1", {}, title, " ", el("small", {}, words(me.role))),
    el("div", { class: "room" }, ROOMS[me.role](me)));
  main.focus({ preventScroll: true });
  announce(`Signed in as ${me.role}.`);
}

open();
