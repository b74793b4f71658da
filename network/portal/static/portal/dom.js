/** Builds elements; text goes in as text, so nothing that the API says can become markup. */

/**
 * An element with attributes and children.
 * An attribute that is a function listens to the event of that name; null and false leave it out.
 */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(name, value);
    else if (value !== null && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null));
  return node;
}

/** Tells a screen reader, and nobody else, what has just happened. */
export function announce(text) {
  document.getElementById("status").textContent = text;
}
