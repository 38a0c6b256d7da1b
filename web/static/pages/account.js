/** What the pages of one's own account have in common: the tabs. */

import { h } from "../dom.js";
import { t } from "../i18n.js";

const TABS = [
  ["/account", "profile.title"],
  ["/account/security", "security.title"],
  ["/account/sessions", "sessions.title"],
  ["/account/password", "changePassword.title"],
  ["/account/activity", "activity.title"],
];

/** @param {string} here */
export function tabs(here) {
  return h(
    "nav",
    { class: "tabs", "aria-label": t("account") },
    h(
      "ul",
      {},
      TABS.map(([path, key]) =>
        h("li", {}, h("a", { href: `#${path}`, "aria-current": path === here ? "page" : null }, t(key))),
      ),
    ),
  );
}
