/** Making elements. Text is always text: nothing here parses HTML. */

const SVG = "http://www.w3.org/2000/svg";

/** @typedef {Node | string | null | undefined | false} Child */

/**
 * An HTML element. `on…` properties are listeners; true is an attribute without a value; false and null leave it out.
 * @param {string} tag
 * @param {Record<string, any>} [properties]
 * @param {...(Child | Child[])} children
 * @returns {any}
 */
export function h(tag, properties = {}, ...children) {
  return fill(document.createElement(tag), properties, children);
}

/**
 * An SVG element.
 * @param {string} tag
 * @param {Record<string, any>} [properties]
 * @param {...(Child | Child[])} children
 * @returns {any}
 */
export function svg(tag, properties = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), properties, children);
}

/**
 * @param {Element} element
 * @param {Record<string, any>} properties
 * @param {(Child | Child[])[]} children
 */
function fill(element, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) {
      element.addEventListener(name.slice(2), value);
    } else if (value === true) {
      element.setAttribute(name, "");
    } else if (value !== false && value !== null && value !== undefined) {
      element.setAttribute(name, String(value));
    }
  }
  element.append(...children.flat().filter(isShown));
  return element;
}

/** @param {Child} child @returns {child is Node | string} */
function isShown(child) {
  return child !== null && child !== undefined && child !== false && child !== "";
}

/**
 * A list of facts: names and values. Facts without a value are left out.
 * @param {[string, Child][]} pairs
 */
export function facts(pairs) {
  const rows = pairs.filter(([, value]) => isShown(value));
  return h("dl", { class: "facts" }, rows.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
}

/**
 * A state at a glance. The word says it; the colour repeats it.
 * @param {string} text
 * @param {"" | "good" | "warn"} [tone]
 */
export function badge(text, tone = "") {
  return h("span", { class: `badge ${tone}` }, text);
}

/**
 * @param {string} text
 * @param {"" | "warn" | "bad"} [tone]
 */
export function note(text, tone = "") {
  return h("div", { class: `note ${tone}` }, h("p", {}, text));
}
