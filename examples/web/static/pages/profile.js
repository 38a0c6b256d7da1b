/** The profile of the signed-in user, with a form for the name and the language of emails. */

import { definitionList, h } from "../dom.js";
import { form, formError } from "../forms.js";
import { send } from "../graphql.js";
import { LANGUAGE_NAMES, t } from "../i18n.js";
import { notify } from "../notifications.js";
import { UPDATE_PROFILE } from "../operations.js";
import { refresh } from "../router.js";
import { requireViewer, state } from "../state.js";
import { accountTabs } from "./account-tabs.js";
import { noBackupCodesHint } from "./no-backup-codes.js";
import { twoFactorBadge } from "./two-factor-badge.js";

/** @returns {import("../router.js").Page} */
export function profilePage() {
  // The session can have ended while the page was loading.
  const viewer = requireViewer(state.viewer);
  return {
    title: t("profile.title"),
    tabs: accountTabs("/account"),
    content: [
      ...noBackupCodesHint(viewer.twoFactor),
      h(
        "div",
        { class: "card" },
        definitionList([
          [t("email"), viewer.email],
          [t("company"), viewer.company.name],
          [t("role"), t(`role.${viewer.role}`)],
          [t("twoFactor"), twoFactorBadge(viewer.twoFactor)],
        ]),
      ),
      h("div", { class: "card" }, profileForm(viewer)),
    ],
  };
}

/** @param {import("../operations.js").Viewer} viewer */
function profileForm(viewer) {
  const language = viewer.locale.split("-")[0].toLowerCase();
  // Emails in a language that has no texts are in English.
  const shownLanguage = language in LANGUAGE_NAMES ? language : "en";
  return form({
    fields: [
      { name: "name", label: t("name"), value: viewer.name, attributes: { autocomplete: "name" } },
      {
        name: "locale",
        label: t("profile.locale"),
        type: "select",
        value: shownLanguage,
        options: Object.entries(LANGUAGE_NAMES),
      },
    ],
    submit: t("save"),
    onSubmit: async ({ name, locale }) => {
      const { updateProfile: result } = await send(UPDATE_PROFILE, {
        name,
        // Keeps a region, such as de-AT, if the user does not choose another language.
        locale: locale === shownLanguage ? null : locale,
      });
      if (result.__typename === "ProfileUpdated") {
        state.viewer = result.viewer;
        notify(t("profile.saved"));
        refresh();
        return;
      }
      return formError(result, "name", { UnsupportedLocale: "locale" });
    },
  });
}
