/** A part of a room that loads by itself, so that one failure leaves the others standing. */

import { announce, el } from "./dom.js";
import { Problem } from "./api.js";

let sections = 0;

/** A headed card; `load` gives its content and is asked again after a problem. */
export function section(title, load) {
  const id = `section-${++sections}`;
  const body = el("div", { class: "body" });
  const show = async () => {
    body.setAttribute("aria-busy", "true");
    body.replaceChildren(el("p", { class: "quiet" }, "Loading…"));
    try {
      body.replaceChildren(...[await load()].flat());
    } catch (error) {
      const known = error instanceof Problem;
      body.replaceChildren(problem(title, known ? error.message : "This part of the page failed.", show));
      if (!known) throw error;
    } finally {
      body.removeAttribute("aria-busy");
    }
  };
  show();
  return el("section", { class: "card", "aria-labelledby": id }, el("h2", { id }, title), body);
}

function problem(title, message, again) {
  announce(`${title}: ${message}`);
  return el("div", { class: "problem" },
    el("p", {}, message),
    el("button", { type: "button", click: again }, "Try again"));
}
