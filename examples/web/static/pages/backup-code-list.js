/** The page of new backup codes, with buttons to download, copy and print them, and the checkbox that they are stored. */

import { h, note } from "../dom.js";
import { form } from "../forms.js";
import { formatDateTime, t } from "../i18n.js";
import { notify } from "../notifications.js";
import { state } from "../state.js";

/** @typedef {{ name: string, mimeType: string, content: string }} TextFile */

/**
 * Shows new backup codes until the user confirms that they stored them.
 * @param {string[]} codes
 * @param {TextFile} file
 * @param {string} submit the text of the button
 * @param {() => Promise<import("../forms.js").FormError | void>} onSubmit
 * @returns {import("../router.js").Page}
 */
export function newCodesPage(codes, file, submit, onSubmit) {
  return {
    title: t("backupCodes"),
    narrow: true,
    content: [
      h(
        "div",
        { class: "card" },
        backupCodeList(codes, file),
        form({
          fields: [{ name: "stored", label: t("codes.stored"), type: "checkbox", requiredText: t("codes.notStored") }],
          submit,
          onSubmit,
        }),
      ),
    ],
  };
}

/**
 * The server returns backup codes only once, so that the page cannot show them again.
 * @param {string[]} codes
 * @param {TextFile} file
 * @returns {Node[]}
 */
function backupCodeList(codes, file) {
  const { productName } = state.config;
  const printedFor = `${state.viewer?.email}, ${formatDateTime(new Date().toISOString())}`;
  return [
    h("div", { class: "screen-only" }, note(t("codes.store"), "warning")),
    h("p", { class: "print-only" }, `${productName}: ${printedFor}. ${t("codes.shownOnce")}`),
    h("ol", { class: "codes", "aria-label": t("backupCodes") }, codes.map((code) => h("li", {}, code))),
    h(
      "div",
      { class: "row" },
      button(t("download"), () => download(file)),
      copyButton(t("copy"), codes.join("\n")),
      button(t("print"), () => window.print()),
    ),
    h("p", { class: "muted small screen-only" }, t("codes.shownOnce")),
  ];
}

/**
 * @param {string} label
 * @param {string} text the text to copy
 * @param {string} [accessibleName] for screen readers, if the label does not say what the button copies
 */
export function copyButton(label, text, accessibleName) {
  return h("button", { type: "button", "aria-label": accessibleName, onclick: () => copy(text) }, label);
}

/** @param {string} label @param {() => void} onClick */
function button(label, onClick) {
  return h("button", { type: "button", onclick: onClick }, label);
}

/** @param {string} text */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    notify(t("copied"));
  } catch {
    // The clipboard is missing on a page over plain HTTP that is not localhost, and the user can deny access to it.
    notify(t("copy.failed"), "error");
  }
}

/** @param {TextFile} file */
function download({ name, mimeType, content }) {
  const url = URL.createObjectURL(new Blob([content], { type: mimeType }));
  h("a", { href: url, download: name }).click();
  URL.revokeObjectURL(url);
  notify(t("downloaded", { name }));
}
