/** The mailbox of the demo: every letter that its mail server took. No session is needed, nor part of the product. */

import { facts, h } from "../dom.js";
import { ApiError } from "../graphql.js";
import { dateTime, t } from "../i18n.js";
import { refresh } from "../router.js";

/** @typedef {{ name: string, from: string, to: string, subject: string, date: string, text: string, html: string | null }} Letter */

/** @returns {Promise<import("../router.js").Page>} */
export async function mailboxPage() {
  const letters = await load();
  return {
    title: t("mailbox.title"),
    content: [
      h("p", {}, t("mailbox.lead")),
      h("div", { class: "row" }, h("button", { type: "button", onclick: refresh }, t("mailbox.again"))),
      letters.length === 0 && h("p", { class: "quiet" }, t("mailbox.none")),
      ...letters.map(letterCard),
    ].filter((node) => node !== false),
  };
}

/** @returns {Promise<Letter[]>} */
async function load() {
  try {
    const response = await fetch("/mailbox/letters", { cache: "no-store" });
    return (await response.json()).letters;
  } catch {
    throw new ApiError("UNREACHABLE");
  }
}

/** @param {Letter} letter @param {number} index */
function letterCard(letter, index) {
  const date = new Date(letter.date);
  return h(
    "article",
    { class: "card letter" },
    h("h2", {}, letter.subject),
    facts([
      [t("mailbox.to"), letter.to],
      [t("mailbox.from"), letter.from],
      [t("mailbox.date"), Number.isNaN(date.getTime()) ? letter.date : dateTime(date.toISOString())],
    ]),
    part(t("mailbox.text"), h("pre", { tabindex: 0, "aria-label": t("mailbox.text") }, letter.text), index === 0),
    letter.html && part(t("mailbox.html"), frame(letter.html, letter.subject), false),
  );
}

/** @param {string} words @param {Node} content @param {boolean} open */
function part(words, content, open) {
  return h("details", { open }, h("summary", {}, words), content);
}

/**
 * Letters come from outside, so theirs is a page of its own that runs nothing. A `srcdoc` would take over our policy, under
 * which the styles of a letter do not count.
 * @param {string} src
 * @param {string} title
 */
function frame(src, title) {
  return h("iframe", { src, title, sandbox: "", loading: "lazy" });
}
