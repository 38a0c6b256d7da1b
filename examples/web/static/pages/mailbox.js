/** The mailbox of the demo: all emails that its mail server received. It needs no session. It is not part of the product. */

import { definitionList, h } from "../dom.js";
import { ApiError } from "../graphql.js";
import { formatDateTime, t } from "../i18n.js";
import { withProgress } from "../progress.js";
import { refresh } from "../router.js";

/**
 * @typedef {object} Email
 * @property {string} name of its file
 * @property {string} from
 * @property {string} to
 * @property {string} subject
 * @property {string} date of the `Date` header
 * @property {string} text
 * @property {string | null} html the URL of the HTML part, if there is one
 */

/** @returns {Promise<import("../router.js").Page>} */
export async function mailboxPage() {
  const emails = await loadEmails();
  return {
    title: t("mailbox.title"),
    content: [
      h("p", {}, t("mailbox.lead")),
      h("div", { class: "row" }, h("button", { type: "button", onclick: refresh }, t("mailbox.refresh"))),
      emails.length === 0 && h("p", { class: "muted" }, t("mailbox.empty")),
      ...emails.map(emailCard),
    ].filter((node) => node !== false),
  };
}

/** Loads the emails, newest first. @returns {Promise<Email[]>} @throws {ApiError} */
async function loadEmails() {
  try {
    const response = await withProgress(fetch("/mailbox/emails", { cache: "no-store" }));
    return (await response.json()).emails;
  } catch {
    throw new ApiError("UNREACHABLE");
  }
}

/** @param {Email} email @param {number} index */
function emailCard(email, index) {
  const date = new Date(email.date);
  return h(
    "article",
    { class: "card email" },
    h("h2", {}, email.subject),
    definitionList([
      [t("mailbox.to"), email.to],
      [t("mailbox.from"), email.from],
      [t("mailbox.date"), Number.isNaN(date.getTime()) ? email.date : formatDateTime(date.toISOString())],
    ]),
    section(t("mailbox.text"), h("pre", { tabindex: 0, "aria-label": t("mailbox.text") }, email.text), index === 0),
    email.html && section(t("mailbox.html"), frame(email.html, email.subject), false),
  );
}

/** @param {string} title @param {Node} content @param {boolean} open */
function section(title, content, open) {
  return h("details", { open }, h("summary", {}, title), content);
}

/**
 * Shows the HTML of an email as a separate document without scripts, because its content is not trusted. It does not use
 * `srcdoc`: that would inherit the Content-Security-Policy of this page, which blocks the inline styles of the email.
 * @param {string} src
 * @param {string} title
 */
function frame(src, title) {
  return h("iframe", { src, title, sandbox: "", loading: "lazy" });
}
