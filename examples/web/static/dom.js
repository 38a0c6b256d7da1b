/** Functions that create DOM elements. Strings become text nodes: this module never parses HTML. */

const SVG_NAMESPACE = "http://www.w3.org/2000/svg";

/** @typedef {Node | string | null | undefined | false} Child false, null, undefined and "" add nothing */

/**
 * Attributes by name. `on…` adds a listener for the event of the rest of the name; true sets an attribute without a
 * value; false, null and undefined leave the attribute out.
 * @typedef {Record<string, any>} Properties
 */

/**
 * Creates an HTML element.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Properties} [properties]
 * @param {...(Child | Child[])} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function h(tag, properties = {}, ...children) {
  return addProperties(document.createElement(tag), properties, children);
}

/**
 * Creates an SVG element.
 * @template {keyof SVGElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Properties} [properties]
 * @param {...(Child | Child[])} children
 * @returns {SVGElementTagNameMap[Tag]}
 */
export function svg(tag, properties = {}, ...children) {
  return addProperties(document.createElementNS(SVG_NAMESPACE, tag), properties, children);
}

/**
 * @template {Element} ElementT
 * @param {ElementT} element
 * @param {Properties} properties
 * @param {(Child | Child[])[]} children
 * @returns {ElementT}
 */
function addProperties(element, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) {
      element.addEventListener(name.slice(2), value);
    } else if (value === true) {
      element.setAttribute(name, "");
    } else if (value !== false && value !== null && value !== undefined) {
      element.setAttribute(name, String(value));
    }
  }
  element.append(...children.flat().filter(isRendered));
  return element;
}

/** @param {Child} child @returns {child is Node | string} */
function isRendered(child) {
  return child !== null && child !== undefined && child !== false && child !== "";
}

/**
 * Creates a list of names and values. Leaves out pairs without a value.
 * @param {[string, Child][]} pairs
 */
export function definitionList(pairs) {
  const rows = pairs.filter(([, value]) => isRendered(value));
  return h(
    "dl",
    { class: "definition-list" },
    rows.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]),
  );
}

/**
 * Creates a status label. The text says the whole status, because colour must not be the only sign (WCAG 2.2, 1.4.1).
 * @param {string} text
 * @param {"" | "success" | "warning"} [variant]
 */
export function badge(text, variant = "") {
  return h("span", { class: `badge ${variant}` }, text);
}

/**
 * Creates a highlighted paragraph.
 * @param {string} text
 * @param {"" | "warning" | "error"} [variant]
 */
export function note(text, variant = "") {
  return h("div", { class: `note ${variant}` }, h("p", {}, text));
}
