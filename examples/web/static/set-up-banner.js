/** The banner for users who will have to use 2FA from a date on. It is on every page until they have set it up. */

import { h } from "./dom.js";
import { formatDateTime, t } from "./i18n.js";
import { ACTIVATION_PATH } from "./redirects.js";
import { state } from "./state.js";

/** Returns the banner, or null if the viewer does not need it. */
export function setUpBanner() {
  const from = state.viewer?.twoFactor.setupRequiredFrom;
  if (!from) {
    return null;
  }
  return h(
    "div",
    { class: "note warning" },
    h(
      "p",
      {},
      t("setUpBanner", { time: formatDateTime(from) }),
      " ",
      h("a", { href: `#${ACTIVATION_PATH}` }, t("setUpBanner.link")),
    ),
  );
}
