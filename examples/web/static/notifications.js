/** Short messages above the page, in a live region that screen readers announce (WCAG 2.2, 4.1.3). */

import { h } from "./dom.js";

const region = /** @type {HTMLElement} */ (document.getElementById("notifications"));
let isNew = false;

/**
 * Replaces the message. The next page change or refresh keeps it; the one after that removes it.
 * @param {string} text
 * @param {"success" | "error"} [variant]
 */
export function notify(text, variant = "success") {
  region.replaceChildren(h("p", { class: variant }, text));
  isNew = true;
}

/** Removes the message, unless it was added after the previous call. To be called on each page change and refresh. */
export function clearOldNotification() {
  if (!isNew) {
    region.replaceChildren();
  }
  isNew = false;
}
