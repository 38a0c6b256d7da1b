/** A bar at the top of the page while a request runs, and a text for screen readers if it takes long. */

import { t } from "./i18n.js";

const SLOW_MS = 1_000;

const bar = /** @type {HTMLElement} */ (document.getElementById("progress"));
const status = /** @type {HTMLElement} */ (document.getElementById("progress-text"));

let running = 0;
let slowTimer = 0;

/**
 * Shows the bar until the request has ended.
 * @template T
 * @param {Promise<T>} request
 * @returns {Promise<T>}
 */
export async function withProgress(request) {
  running += 1;
  if (running === 1) {
    bar.setAttribute("aria-label", t("loading"));
    bar.hidden = false;
    slowTimer = window.setTimeout(() => status.replaceChildren(t("loading")), SLOW_MS);
  }
  try {
    return await request;
  } finally {
    running -= 1;
    if (running === 0) {
      window.clearTimeout(slowTimer);
      bar.hidden = true;
      status.replaceChildren();
    }
  }
}
