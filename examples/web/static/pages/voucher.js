/**
 * The voucher of a reset: shown to the admin, and entered by the user who activates 2FA again.
 *
 * The server returns it only once. It is stored here alone, and deleted when the admin has noted it or leaves the page.
 */

import { h, note } from "../dom.js";
import { formatDateTime, t } from "../i18n.js";
import { refresh } from "../router.js";
import { copyButton } from "./backup-code-list.js";

/** @type {{ userId: string, voucher: string, expiresAt: string } | null} */
let issued = null;

/** Deletes the voucher from the memory of the page. */
export function clearVoucher() {
  issued = null;
}

/** Warns the admin who has not confirmed yet that they noted the voucher. */
export function voucherWarning() {
  return issued ? t("voucher.leave") : null;
}

/**
 * Keeps the voucher of a reset, if there is one, until the admin has noted it.
 * @param {string} userId
 * @param {import("../graphql.js").MutationResult} reset
 */
export function keepVoucher(userId, { voucher, voucherExpiresAt }) {
  issued = voucher ? { userId, voucher, expiresAt: voucherExpiresAt } : null;
}

/** Returns the voucher that the user needs, if it was not noted yet. @param {import("../operations.js").User} user */
export function voucherCard({ id, name }) {
  if (issued?.userId !== id) {
    clearVoucher();
    return [];
  }
  const { voucher, expiresAt } = issued;
  return [
    h(
      "section",
      { class: "card", "aria-labelledby": "voucher" },
      h("h2", { id: "voucher" }, t("voucher")),
      note(t("voucher.handOver", { name }), "warning"),
      // In two groups, which are easier to read out. The server ignores the space.
      h("code", { class: "key" }, voucher.match(/.{1,5}/g)?.join(" ") ?? voucher),
      h("p", {}, t("voucher.validUntil", { time: formatDateTime(expiresAt) })),
      h(
        "div",
        { class: "row" },
        copyButton(t("copy"), voucher, t("voucher.copy")),
        h("button", { type: "button", onclick: hide }, t("voucher.noted")),
      ),
    ),
  ];
}

function hide() {
  clearVoucher();
  refresh();
}

/** Returns the field in which the user enters the voucher. @returns {import("../forms.js").Field} */
export function voucherField() {
  return {
    name: "voucher",
    label: t("voucher"),
    hint: t("voucher.hint"),
    attributes: { class: "code", autocomplete: "off", autocapitalize: "characters", spellcheck: "false" },
  };
}
