/** The page that changes the user's own password. */

import { h } from "../dom.js";
import { form, formError } from "../forms.js";
import { send } from "../graphql.js";
import { t } from "../i18n.js";
import { notify } from "../notifications.js";
import { CHANGE_PASSWORD } from "../operations.js";
import { refresh } from "../router.js";
import { keepNewToken } from "../state.js";
import { accountTabs } from "./account-tabs.js";

/** @returns {import("../router.js").Page} */
export function passwordPage() {
  return {
    title: t("changePassword.title"),
    tabs: accountTabs("/account/password"),
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
              attributes: { autocomplete: "current-password" },
            },
            {
              name: "newPassword",
              label: t("changePassword.new"),
              hint: t("changePassword.hint"),
              type: "password",
              canBeShown: true,
              attributes: { autocomplete: "new-password" },
            },
          ],
          submit: t("changePassword.submit"),
          focus: true,
          onSubmit: changePassword,
        }),
      ),
    ],
  };
}

/** @param {import("../forms.js").Values} values */
async function changePassword({ currentPassword, newPassword }) {
  const { changePassword: result } = await send(CHANGE_PASSWORD, { currentPassword, newPassword });
  if (result.__typename === "PasswordChanged") {
    keepNewToken(result);
    notify(t("changePassword.done"));
    refresh();
    return;
  }
  return formError(result, "currentPassword", { PasswordTooWeak: "newPassword" });
}
