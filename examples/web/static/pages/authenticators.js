/** The list of the user's authenticators on the Security page, and the page that removes one. */

import { h } from "../dom.js";
import { changeFields, form, formError, secondFactorOf } from "../forms.js";
import { send } from "../graphql.js";
import { t } from "../i18n.js";
import { notify } from "../notifications.js";
import { GET_AUTHENTICATORS, REMOVE_AUTHENTICATOR } from "../operations.js";
import { ANOTHER_DEVICE_PATH, NEW_DEVICE_PATH, SECURITY_PATH } from "../redirects.js";
import { navigate } from "../router.js";
import { state } from "../state.js";
import { authenticatorText } from "./authenticator-text.js";

async function loadAuthenticators() {
  return (await send(GET_AUTHENTICATORS, {})).viewer?.authenticators ?? [];
}

/** Returns the list of authenticators, with links to replace, add and remove one. */
export async function authenticatorList() {
  const authenticators = await loadAuthenticators();
  return [
    authenticators.length > 1 &&
      h(
        "ul",
        {},
        authenticators.map((authenticator) =>
          h(
            "li",
            {},
            `${authenticatorText(authenticator)} `,
            // Screen readers need a different text for each link (WCAG 2.2, 2.4.4).
            h(
              "a",
              { href: `#/account/security/authenticators/${authenticator.id}` },
              t("authenticators.remove"),
              h("span", { class: "visually-hidden" }, `: ${authenticator.name ?? t("authenticators.unnamed")}`),
            ),
          ),
        ),
      ),
    h(
      "p",
      { class: "row" },
      h("a", { class: "button", href: `#${NEW_DEVICE_PATH}` }, t("newDevice.title")),
      h("a", { class: "button", href: `#${ANOTHER_DEVICE_PATH}` }, t("anotherDevice.title")),
    ),
  ];
}

/**
 * @param {import("../router.js").RouteLocation} location
 * @returns {Promise<import("../router.js").Page | import("../router.js").Redirect>}
 */
export async function removeAuthenticatorPage({ parameters: { id } }) {
  const authenticator = (await loadAuthenticators()).find((each) => each.id === id);
  if (!authenticator) {
    return { redirectTo: SECURITY_PATH };
  }
  return {
    title: t("authenticators.removeTitle"),
    narrow: true,
    content: [
      h(
        "div",
        { class: "card" },
        h("p", {}, authenticatorText(authenticator)),
        h("p", {}, t("authenticators.removeLead")),
        form({
          fields: changeFields(),
          submit: t("authenticators.removeTitle"),
          variant: "danger",
          focus: true,
          besideButton: [h("a", { href: `#${SECURITY_PATH}` }, t("cancel"))],
          onSubmit: async (values) => {
            const { removeAuthenticator: result } = await send(REMOVE_AUTHENTICATOR, {
              id,
              password: values.password,
              secondFactor: secondFactorOf(values),
            });
            if (result.__typename !== "AuthenticatorRemoved") {
              return formError(result, "password", {
                TwoFactorNotActive: undefined,
                AuthenticatorNotFound: undefined,
                LastAuthenticator: undefined,
              });
            }
            state.viewer = result.viewer;
            notify(t("authenticators.removed"));
            navigate(SECURITY_PATH, { replace: true });
            return undefined;
          },
        }),
      ),
    ],
  };
}
