/** Signing in, first step: email and password. */

import { HOME } from "../detours.js";
import { h } from "../dom.js";
import { form, refusal } from "../forms.js";
import { chooseTransport, send } from "../graphql.js";
import { t } from "../i18n.js";
import { LOGIN } from "../operations.js";
import { go } from "../router.js";
import { signedIn, state } from "../state.js";

/** @returns {import("../router.js").Page} */
export function loginPage() {
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
              attributes: { autocomplete: "username", autocapitalize: "none", spellcheck: "false", maxlength: 254 },
            },
            {
              name: "password",
              label: t("password"),
              type: "password",
              attributes: { autocomplete: "current-password", maxlength: 256 },
            },
          ],
          submit: t("login"),
          act: logIn,
        }),
      ),
    ],
  };
}

/** @param {import("../forms.js").Values} values */
async function logIn({ email, password }) {
  const { login } = await send(LOGIN, { email: email.trim(), password, transport: chooseTransport() });
  switch (login.__typename) {
    case "LoggedIn":
      arrive(login);
      return;
    case "SecondFactorRequired":
      state.challenge = { challengeToken: login.challengeToken, methods: login.methods };
      go("/login/otp");
      return;
    default:
      return refusal(login, "password");
  }
}

/** Goes where somebody wanted to go before they had to sign in. @param {import("../graphql.js").Outcome} loggedIn */
export function arrive(loggedIn) {
  signedIn(loggedIn);
  const destination = state.returnTo ?? HOME;
  state.returnTo = null;
  go(destination, { replace: true });
}
