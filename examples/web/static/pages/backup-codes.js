/** The page that replaces the user's backup codes. The old ones work until the user has stored the new ones. */

import { h, note } from "../dom.js";
import { changeFields, form, formError, secondFactorOf } from "../forms.js";
import { send, userErrorText } from "../graphql.js";
import { t } from "../i18n.js";
import { notify } from "../notifications.js";
import { ACKNOWLEDGE_BACKUP_CODES, REGENERATE_BACKUP_CODES } from "../operations.js";
import { navigate, refresh } from "../router.js";
import { state } from "../state.js";
import { newCodesPage } from "./backup-code-list.js";

const SECURITY_PATH = "/account/security";

/**
 * The new codes that the user has not acknowledged yet, or the error to show with the password.
 * @type {{ newCodes?: import("../graphql.js").MutationResult, error?: string }}
 */
let progress = {};

/** Deletes the backup codes from the memory of the page. */
export function clearBackupCodes() {
  progress = {};
}

/** Warns the user who has not confirmed yet that they stored the new codes. */
export function backupCodesWarning() {
  return progress.newCodes ? t("codes.leave") : null;
}

/** @returns {import("../router.js").Page} */
export function backupCodesPage() {
  if (progress.newCodes) {
    const { activationId, codes, file } = progress.newCodes;
    return newCodesPage(codes, file, t("regenerate.submit"), () => acknowledge(activationId));
  }
  return {
    title: t("regenerate"),
    narrow: true,
    content: [
      h(
        "div",
        { class: "card" },
        note(t("regenerate.lead")),
        form({
          fields: changeFields(),
          submit: t("continue"),
          besideButton: [h("a", { href: `#${SECURITY_PATH}` }, t("cancel"))],
          onSubmit: regenerate,
          initialError: progress.error,
        }),
      ),
    ],
  };
}

/** @param {import("../forms.js").Values} values */
async function regenerate(values) {
  const { regenerateBackupCodes: result } = await send(REGENERATE_BACKUP_CODES, {
    password: values.password,
    secondFactor: secondFactorOf(values),
  });
  if (result.__typename === "BackupCodesRegenerated") {
    progress = { newCodes: result };
    state.viewer = result.viewer;
    refresh();
    return;
  }
  return formError(result, "password", { TwoFactorNotActive: undefined, BackupCodesDisabled: undefined });
}

/** @param {string} activationId */
async function acknowledge(activationId) {
  const { acknowledgeBackupCodes: result } = await send(ACKNOWLEDGE_BACKUP_CODES, { activationId });
  switch (result.__typename) {
    case "BackupCodesAcknowledged":
      clearBackupCodes();
      state.viewer = result.viewer;
      notify(t("regenerate.done"));
      navigate(SECURITY_PATH, { replace: true });
      return;
    case "ActivationExpired":
      progress = { error: userErrorText(result) };
      refresh();
      return;
    default:
      return formError(result, "stored");
  }
}
