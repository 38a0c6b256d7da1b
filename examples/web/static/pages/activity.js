/** The security events of the user's own account. For users who got an email about an action that was not theirs. */

import { h } from "../dom.js";
import { send } from "../graphql.js";
import { t } from "../i18n.js";
import { GET_OWN_EVENTS } from "../operations.js";
import { requireViewer } from "../state.js";
import { accountTabs } from "./account-tabs.js";
import { loadByAddress } from "./list-address.js";
import { expandableTimeline } from "./timeline.js";

/**
 * @param {import("../router.js").RouteLocation} location
 * @returns {Promise<import("../router.js").Page | import("../router.js").Redirect>}
 */
export function activityPage(location) {
  /** @param {string | null} after */
  const load = async (after) => requireViewer((await send(GET_OWN_EVENTS, { after })).viewer).securityEvents;
  return loadByAddress(location, {}, async () => ({
    title: t("activity.title"),
    tabs: accountTabs("/account/activity"),
    content: [
      h("p", {}, t("activity.lead")),
      h("div", { class: "card" }, await expandableTimeline(location, load, { withUsers: false })),
    ],
  }));
}
