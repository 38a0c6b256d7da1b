/** The page that deactivates 2FA. */

import { h, note } from "../dom.js";
import { changeFields, form, formError, secondFactorOf } from "../forms.js";
import { send } from "../graphql.js";
import { t } from "../i18n.js";
import { notify } from "../notifications.js";
import { DEACTIVATE } from "../operations.js";
import { SECURITY_PATH } from "../redirects.js";
import { navigate } from "../router.js";
import { keepNewToken, loadViewer, requireViewer, state } from "../state.js";

/** @returns {Promise<import("../router.js").Page | import("../router.js").Redirect>} */
export async function deactivationPage() {
  // Load the viewer again: another session can deactivate 2FA, and an admin can enforce it.
  const { twoFactor } = requireViewer(await loadViewer());
  if (twoFactor.state !== "ACTIVE" || twoFactor.enforced) {
    return { redirectTo: SECURITY_PATH };
  }
  return {
    title: t("deactivate"),
    narrow: true,
    content: [
      h(
        "div",
        { class: "card" },
        note(t(state.viewer?.company.backupCodesEnabled ? "deactivate.lead" : "deactivate.leadWithoutCodes"), "warning"),
        form({
          fields: changeFields(),
          submit: t("continue"),
          variant: "danger",
          focus: true,
          besideButton: [h("a", { href: `#${SECURITY_PATH}` }, t("cancel"))],
          onSubmit: deactivate,
        }),
      ),
    ],
  };
}

/** @param {import("../forms.js").Values} values */
async function deactivate(values) {
  const { deactivateTwoFactor: result } = await send(DEACTIVATE, {
    password: values.password,
    secondFactor: secondFactorOf(values),
  });
  if (result.__typename === "TwoFactorDeactivated") {
    keepNewToken(result);
    state.viewer = result.viewer;
    notify(t("deactivate.done"));
    navigate(SECURITY_PATH, { replace: true });
    return;
  }
  return formError(result, "password", { TwoFactorNotActive: undefined, TwoFactorIsEnforced: undefined });
}
