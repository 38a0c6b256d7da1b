/** The hint for users with 2FA who have no backup codes: all are used, or the company account had them off at the activation. */

import { h, note } from "../dom.js";
import { t } from "../i18n.js";

/**
 * @param {import("../operations.js").TwoFactor} twoFactor
 * @returns {Node[]} nothing if the user has backup codes, or cannot have any
 */
export function noBackupCodesHint({ backupCodesRemaining }) {
  if (backupCodesRemaining !== 0) {
    return [];
  }
  return [
    note(t("codes.none"), "warning"),
    h("p", {}, h("a", { class: "button", href: "#/account/security/backup-codes" }, t("regenerate"))),
  ];
}
