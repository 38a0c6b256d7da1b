/** The page that replaces the user's backup codes. */

import { h, note } from "../dom.js";
import { changeFields, form, formError, secondFactorOf } from "../forms.js";
import { send } from "../graphql.js";
import { t } from "../i18n.js";
import { REGENERATE_BACKUP_CODES } from "../operations.js";
import { refresh } from "../router.js";
import { state } from "../state.js";
import { backupCodeList } from "./backup-code-list.js";

const SECURITY_HREF = "#/account/security";

/** @type {import("../graphql.js").MutationResult | null} */
let newCodes = null;

/** Deletes the backup codes from the memory of the page. */
export function clearBackupCodes() {
  newCodes = null;
}

/** @returns {import("../router.js").Page} */
export function backupCodesPage() {
  const content = newCodes
    ? [
        ...backupCodeList(newCodes.codes, newCodes.file),
        h("p", { class: "screen-only" }, h("a", { class: "button primary", href: SECURITY_HREF }, t("done"))),
      ]
    : [
        note(t("regenerate.lead"), "warning"),
        form({
          fields: changeFields(),
          submit: t("continue"),
          besideButton: [h("a", { href: SECURITY_HREF }, t("cancel"))],
          onSubmit: regenerate,
        }),
      ];
  return {
    title: t(newCodes ? "backupCodes" : "regenerate"),
    narrow: true,
    content: [h("div", { class: "card" }, content)],
  };
}

/** @param {import("../forms.js").Values} values */
async function regenerate(values) {
  const { regenerateBackupCodes: result } = await send(REGENERATE_BACKUP_CODES, {
    password: values.password,
    secondFactor: secondFactorOf(values),
  });
  if (result.__typename === "BackupCodesRegenerated") {
    newCodes = result;
    state.viewer = result.viewer;
    refresh();
    return;
  }
  return formError(result, "password", { TwoFactorNotActive: undefined, BackupCodesDisabled: undefined });
}
