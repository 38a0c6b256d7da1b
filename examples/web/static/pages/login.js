/** The first step of the login: email and password. */

import { OTP_PATH, currentChallenge, deleteChallenge, keepChallenge } from "../challenge.js";
import { h } from "../dom.js";
import { form, formError } from "../forms.js";
import { detectSessionTransport, send } from "../graphql.js";
import { t } from "../i18n.js";
import { LOGIN } from "../operations.js";
import { HOME_PATH } from "../redirects.js";
import { navigate } from "../router.js";
import { startSession, state } from "../state.js";

/** @returns {import("../router.js").Page} */
export function loginPage() {
  // Who comes here starts again.
  deleteChallenge();
  return {
    title: t("login.title", { product: state.config.productName }),
    narrow: true,
    content: [
      h(
        "div",
        { class: "card" },
        form({
          fields: [
            {
              name: "email",
              label: t("email"),
              type: "email",
              attributes: { autocomplete: "username", autocapitalize: "none", spellcheck: "false" },
            },
            {
              name: "password",
              label: t("password"),
              type: "password",
              attributes: { autocomplete: "current-password" },
            },
          ],
          submit: t("login"),
          focus: true,
          waitsFor: "email",
          onSubmit: logIn,
        }),
      ),
    ],
  };
}

/** @param {import("../forms.js").Values} values */
async function logIn({ email, password }) {
  const { login } = await send(LOGIN, { email: email.trim(), password, transport: detectSessionTransport() });
  switch (login.__typename) {
    case "LoggedIn":
      finishLogin(login);
      return;
    case "SecondFactorRequired":
      keepChallenge({ challengeToken: login.challengeToken, methods: login.methods, returnTo: state.returnTo });
      navigate(OTP_PATH);
      return;
    default:
      return formError(login, "password");
  }
}

/**
 * Stores the session and opens the page that required the login, or the user's account.
 * @param {import("../graphql.js").MutationResult} loggedIn
 */
export function finishLogin(loggedIn) {
  const destination = currentChallenge()?.returnTo ?? state.returnTo ?? HOME_PATH;
  startSession(loggedIn);
  state.returnTo = null;
  navigate(destination, { replace: true });
}
