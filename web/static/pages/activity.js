/** What happened to one's own account: for whoever got a letter about something that they did not do. */

import { h } from "../dom.js";
import { send } from "../graphql.js";
import { t } from "../i18n.js";
import { GET_OWN_EVENTS } from "../operations.js";
import { present } from "../state.js";
import { tabs } from "./account.js";
import { growingTimeline } from "./timeline.js";

/** @returns {Promise<import("../router.js").Page>} */
export async function activityPage() {
  /** @param {string | null} after */
  const load = async (after) => present((await send(GET_OWN_EVENTS, { after })).viewer).securityEvents;
  return {
    title: t("activity.title"),
    tabs: tabs("/account/activity"),
    content: [
      h("p", {}, t("activity.lead")),
      h("div", { class: "card" }, growingTimeline(await load(null), load, { withUsers: false })),
    ],
  };
}
