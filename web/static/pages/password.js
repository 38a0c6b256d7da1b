/** A new password. */

import { h } from "../dom.js";
import { form, refusal } from "../forms.js";
import { send } from "../graphql.js";
import { t } from "../i18n.js";
import { notify } from "../notices.js";
import { CHANGE_PASSWORD } from "../operations.js";
import { refresh } from "../router.js";
import { tabs } from "./account.js";

/** @returns {import("../router.js").Page} */
export function passwordPage() {
  return {
    title: t("changePassword.title"),
    tabs: tabs("/account/password"),
    content: [
      h(
        "div",
        { class: "card" },
        h("p", {}, t("changePassword.lead")),
        form({
          fields: [
            {
              name: "currentPassword",
              label: t("changePassword.current"),
              type: "password",
              attributes: { autocomplete: "current-password", maxlength: 256 },
            },
            {
              name: "newPassword",
              label: t("changePassword.new"),
              hint: t("changePassword.hint"),
              type: "password",
              attributes: { autocomplete: "new-password", maxlength: 256 },
            },
          ],
          submit: t("changePassword.submit"),
          act: change,
        }),
      ),
    ],
  };
}

/** @param {import("../forms.js").Values} values */
async function change({ currentPassword, newPassword }) {
  const { changePassword: outcome } = await send(CHANGE_PASSWORD, { currentPassword, newPassword });
  if (outcome.__typename === "PasswordChanged") {
    notify(t("changePassword.done"));
    refresh();
    return;
  }
  return refusal(outcome, "currentPassword", { PasswordTooWeak: "newPassword" });
}
