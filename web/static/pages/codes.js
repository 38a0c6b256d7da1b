/** Backup codes, the one time that they are shown: to download, copy or print. */

import { h, note } from "../dom.js";
import { dateTime, t } from "../i18n.js";
import { notify } from "../notices.js";
import { state } from "../state.js";

/** @typedef {{ name: string, mimeType: string, content: string }} TextFile */

/**
 * @param {string[]} codes
 * @param {TextFile} file
 * @returns {Node[]}
 */
export function codesToStore(codes, file) {
  const { productName } = state.config;
  const owner = `${state.viewer?.email}, ${dateTime(new Date().toISOString())}`;
  return [
    h("div", { class: "screen-only" }, note(t("codes.store"), "warn")),
    h("p", { class: "paper-only" }, `${productName}: ${owner}. ${t("codes.once")}`),
    h("ol", { class: "codes", "aria-label": t("backupCodes") }, codes.map((code) => h("li", {}, code))),
    h(
      "div",
      { class: "row" },
      button(t("download"), () => download(file)),
      copyButton(t("copy"), codes.join("\n")),
      button(t("print"), () => window.print()),
    ),
    h("p", { class: "quiet small screen-only" }, t("codes.once")),
  ];
}

/**
 * @param {string} words
 * @param {string} text to be copied
 * @param {string} [about] what it is, where the word alone does not say
 */
export function copyButton(words, text, about) {
  return h("button", { type: "button", "aria-label": about, onclick: () => copy(text) }, words);
}

/** @param {string} words @param {() => void} act */
function button(words, act) {
  return h("button", { type: "button", onclick: act }, words);
}

/** @param {string} text */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    notify(t("copied"));
  } catch {
    // Pages on plain http from another machine have no clipboard, and people can say no.
    notify(t("copied.not"), "bad");
  }
}

/** @param {TextFile} file */
function download({ name, mimeType, content }) {
  const url = URL.createObjectURL(new Blob([content], { type: mimeType }));
  h("a", { href: url, download: name }).click();
  URL.revokeObjectURL(url);
  notify(t("downloaded", { name }));
}
