/** The wait after too many attempts, and its countdown. */

import { h } from "./dom.js";
import { t } from "./i18n.js";

/**
 * Disables a button while the user has to wait, with a countdown beside it. Screen readers read the countdown only when the
 * user asks for it (`timer`), and are told once when the wait is over.
 * @param {HTMLButtonElement} button
 */
export function createWait(button) {
  const countdown = h("span", { class: "muted", role: "timer" });
  const over = h("p", { class: "hint", role: "status" });
  let end = 0;
  let timer = 0;
  return { countdown, over, start, stop };

  /** @param {number} seconds */
  function start(seconds) {
    stop();
    end = Date.now() + seconds * 1_000;
    button.disabled = true;
    timer = window.setInterval(update, 1_000);
    update();
  }

  function update() {
    const seconds = Math.ceil((end - Date.now()) / 1_000);
    if (seconds > 0 && button.isConnected) {
      countdown.replaceChildren(t("wait.remaining", { time: formatDuration(seconds) }));
      return;
    }
    stop();
    over.replaceChildren(t("wait.over"));
  }

  /** Ends the wait without a message. */
  function stop() {
    window.clearInterval(timer);
    button.disabled = false;
    countdown.replaceChildren();
    over.replaceChildren();
  }
}

/** Formats seconds as minutes and seconds. @param {number} seconds */
function formatDuration(seconds) {
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
