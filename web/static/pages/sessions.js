/** Where the viewer is signed in. */

import { HOME, report } from "../detours.js";
import { badge, facts, h } from "../dom.js";
import { refusalText, send } from "../graphql.js";
import { dateTime, t } from "../i18n.js";
import { notify } from "../notices.js";
import { GET_SESSIONS, REVOKE_SESSION } from "../operations.js";
import { go, refresh } from "../router.js";
import { present, signedOut } from "../state.js";
import { tabs } from "./account.js";
import { deviceName } from "./device.js";

/** @typedef {import("../operations.js").Session} Session */

/** @returns {Promise<import("../router.js").Page>} */
export async function sessionsPage() {
  const { viewer } = await send(GET_SESSIONS, {});
  // The one in hand first: it is what the others are compared with.
  const sessions = present(viewer).sessions.toSorted((one, other) => Number(other.current) - Number(one.current));
  return {
    title: t("sessions.title"),
    tabs: tabs(`${HOME}/sessions`),
    content: [
      h(
        "div",
        { class: "card" },
        h("p", {}, t("sessions.lead")),
        h("ul", { class: "list" }, sessions.map(sessionItem)),
      ),
    ],
  };
}

/** @param {Session} session */
function sessionItem(session) {
  const name = deviceName(session.userAgent) || t("unknown");
  return h(
    "li",
    {},
    h("div", { class: "row" }, h("h2", {}, name), session.current && badge(t("sessions.current"), "good")),
    facts([
      [t("sessions.began"), dateTime(session.createdAt)],
      [t("sessions.lastSeen"), dateTime(session.lastSeenAt)],
      [t("ipAddress"), session.ipAddress],
      [t("sessions.secondFactor"), t(`secondFactor.${session.secondFactor ?? "none"}`)],
    ]),
    h(
      "button",
      { type: "button", "aria-label": t("sessions.signOutOf", { name }), onclick: () => signOut(session) },
      t("sessions.signOut"),
    ),
  );
}

/** @param {Session} session */
async function signOut({ id, current }) {
  try {
    const { revokeSession: outcome } = await send(REVOKE_SESSION, { id });
    if (outcome.__typename === "SessionRevoked") {
      notify(t("sessions.signedOut"));
    } else {
      notify(refusalText(outcome), "bad");
    }
    if (current) {
      signedOut();
      go("/login");
    } else {
      refresh();
    }
  } catch (error) {
    report(error);
  }
}
