/** New backup codes in place of the old ones. */

import { h, note } from "../dom.js";
import { form, passwordField, refusal } from "../forms.js";
import { send } from "../graphql.js";
import { t } from "../i18n.js";
import { REGENERATE_BACKUP_CODES } from "../operations.js";
import { refresh } from "../router.js";
import { state } from "../state.js";
import { codesToStore } from "./codes.js";

const SECURITY = "#/account/security";

/** @type {import("../graphql.js").Outcome | null} */
let regenerated = null;

export function leaveBackupCodes() {
  regenerated = null;
}

/** @returns {import("../router.js").Page} */
export function backupCodesPage() {
  const content = regenerated
    ? [
        ...codesToStore(regenerated.codes, regenerated.file),
        h("p", { class: "screen-only" }, h("a", { class: "button main", href: SECURITY }, t("done"))),
      ]
    : [
        note(t("regenerate.lead"), "warn"),
        form({
          fields: [passwordField()],
          submit: t("continue"),
          beside: [h("a", { href: SECURITY }, t("cancel"))],
          act: regenerate,
        }),
      ];
  return {
    title: t(regenerated ? "backupCodes" : "regenerate"),
    narrow: true,
    content: [h("div", { class: "card" }, content)],
  };
}

/** @param {import("../forms.js").Values} values */
async function regenerate({ password }) {
  const { regenerateBackupCodes: outcome } = await send(REGENERATE_BACKUP_CODES, { password });
  if (outcome.__typename === "BackupCodesRegenerated") {
    regenerated = outcome;
    state.viewer = outcome.viewer;
    refresh();
    return;
  }
  return refusal(outcome, "password", { TwoFactorNotActive: undefined, BackupCodesDisabled: undefined });
}
