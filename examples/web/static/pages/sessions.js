/** The sessions and known devices of the user, each with a button to end or forget it. */

import { badge, definitionList, h } from "../dom.js";
import { send, userErrorText } from "../graphql.js";
import { formatDateTime, t } from "../i18n.js";
import { notify } from "../notifications.js";
import { FORGET_DEVICE, GET_SESSIONS, REVOKE_OTHER_SESSIONS, REVOKE_SESSION } from "../operations.js";
import { HOME_PATH, LOGIN_PATH, handleError } from "../redirects.js";
import { navigate, refresh } from "../router.js";
import { clearSession, requireViewer } from "../state.js";
import { accountTabs } from "./account-tabs.js";

/**
 * @typedef {import("../operations.js").KnownDevice} KnownDevice
 * @typedef {import("../operations.js").Session} Session
 */

/** @returns {Promise<import("../router.js").Page>} */
export async function sessionsPage() {
  const { viewer } = await send(GET_SESSIONS, {});
  // The current session first, so that the user can compare the others with it.
  const { sessions, devices } = requireViewer(viewer);
  const currentFirst = sessions.toSorted((one, other) => Number(other.current) - Number(one.current));
  return {
    title: t("sessions.title"),
    tabs: accountTabs(`${HOME_PATH}/sessions`),
    content: [
      h(
        "div",
        { class: "card" },
        h("p", {}, t("sessions.lead")),
        h("ul", { class: "list" }, currentFirst.map(sessionItem)),
        sessions.length > 1 && h("button", { type: "button", onclick: signOutOthers }, t("sessions.signOutOthers")),
      ),
      h(
        "div",
        { class: "card" },
        h("h2", {}, t("devices.title")),
        h("p", {}, t(devices?.length ? "devices.lead" : "devices.none")),
        h("ul", { class: "list" }, (devices ?? []).map(deviceItem)),
      ),
    ],
  };
}

/** @param {Session} session */
function sessionItem(session) {
  const name = session.deviceName ?? t("unknownDevice");
  return h(
    "li",
    {},
    h("div", { class: "row" }, h("h2", {}, name), session.current && badge(t("sessions.current"), "success")),
    definitionList([
      [t("sessions.createdAt"), formatDateTime(session.createdAt)],
      [t("sessions.lastSeen"), formatDateTime(session.lastSeenAt)],
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

async function signOutOthers() {
  try {
    await send(REVOKE_OTHER_SESSIONS, {});
    notify(t("sessions.othersSignedOut"));
    refresh();
  } catch (error) {
    handleError(error);
  }
}

/** @param {KnownDevice} device */
function deviceItem(device) {
  const name = device.name ?? t("unknownDevice");
  return h(
    "li",
    {},
    h("div", { class: "row" }, h("h3", {}, name), device.current && badge(t("devices.current"), "success")),
    definitionList([
      [t("devices.firstSeen"), formatDateTime(device.firstSeenAt)],
      [t("devices.lastSeen"), formatDateTime(device.lastSeenAt)],
    ]),
    h(
      "button",
      { type: "button", "aria-label": t("devices.forgetOne", { name }), onclick: () => forget(device) },
      t("devices.forget"),
    ),
  );
}

/** @param {KnownDevice} device */
async function forget({ id }) {
  try {
    const { forgetDevice: result } = await send(FORGET_DEVICE, { id });
    if (result.__typename === "DeviceForgotten") {
      notify(t("devices.forgotten"));
    } else {
      notify(userErrorText(result), "error");
    }
    refresh();
  } catch (error) {
    handleError(error);
  }
}

/** @param {Session} session */
async function signOut({ id, current }) {
  try {
    const { revokeSession: result } = await send(REVOKE_SESSION, { id });
    if (result.__typename === "SessionRevoked") {
      notify(t("sessions.signedOut"));
    } else {
      notify(userErrorText(result), "error");
    }
    if (current) {
      clearSession();
      navigate(LOGIN_PATH);
    } else {
      refresh();
    }
  } catch (error) {
    handleError(error);
  }
}
