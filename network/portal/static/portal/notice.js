/** A line that says what went wrong with what a person has just tried, hidden until something does. */

import { Problem } from "./api.js";
import { el } from "./dom.js";

/** The line, empty and hidden. */
export function notice() {
  return el("p", { class: "problem", role: "alert", hidden: true });
}

/** Does what the person tries; a refusal of the API goes into the line. Says whether it worked. */
export async function attempt(line, action) {
  line.hidden = true;
  try {
    await action();
    return true;
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    line.textContent = error.message;
    line.hidden = false;
    return false;
  }
}
