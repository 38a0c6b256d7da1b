/** Short messages above the page, which screen readers speak (WCAG 2.2, 4.1.3). */

import { h } from "./dom.js";

const region = /** @type {HTMLElement} */ (document.getElementById("notices"));
let isFresh = false;

/**
 * Says something that happened. It stays until the page after the next one.
 * @param {string} text
 * @param {"good" | "bad"} [tone]
 */
export function notify(text, tone = "good") {
  region.replaceChildren(h("p", { class: tone }, text));
  isFresh = true;
}

/** Takes away what was said before the move to this page, but not what was said on the way to it. */
export function settleNotices() {
  if (!isFresh) {
    region.replaceChildren();
  }
  isFresh = false;
}
