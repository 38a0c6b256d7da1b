/** The page that replaces the user's backup codes. The old ones work until the user has stored the new ones. */

import { h, note } from "../dom.js";
import { changeFields, form, formError, secondFactorOf } from "../forms.js";
import { send, userErrorText } from "../graphql.js";
import { t } from "../i18n.js";
import { notify } from "../notifications.js";
import { ACKNOWLEDGE_BACKUP_CODES, REGENERATE_BACKUP_CODES } from "../operations.js";
import { SECURITY_PATH } from "../redirects.js";
import { navigate, refresh } from "../router.js";
import { loadViewer, requireViewer, state } from "../state.js";
import { newCodesPage } from "./backup-code-list.js";

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

/** @returns {Promise<import("../router.js").Page | import("../router.js").Redirect>} */
export async function backupCodesPage() {
  if (progress.newCodes) {
    const { activationId, codes, file } = progress.newCodes;
    return newCodesPage(codes, file, t("regenerate.submit"), () => acknowledge(activationId));
  }
  // Load the viewer again: an admin can reset 2FA, or switch backup codes off.
  const { twoFactor } = requireViewer(await loadViewer());
  if (twoFactor.backupCodesRemaining === null) {
    return { redirectTo: SECURITY_PATH };
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
          focus: true,
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
