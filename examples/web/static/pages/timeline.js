/** Security events, grouped by day. */

import { h } from "../dom.js";
import { formatDate, formatDateTime, formatTime, hasText, t } from "../i18n.js";
import { handleError } from "../redirects.js";
import { addressOfPlace } from "./list-address.js";

/** @typedef {import("../operations.js").SecurityEvent} SecurityEvent */

/** All kinds of the schema, in its order. The filter of the events page offers them. */
export const EVENT_KINDS = [
  "LOGIN_SUCCEEDED",
  "LOGIN_FAILED",
  "SECOND_FACTOR_REQUIRED",
  "SECOND_FACTOR_FAILED",
  "LOGGED_OUT",
  "SESSION_REVOKED",
  "SESSIONS_REVOKED",
  "LOCKED",
  "TWO_FACTOR_ACTIVATION_STARTED",
  "VOUCHER_FAILED",
  "TWO_FACTOR_ACTIVATED",
  "AUTHENTICATOR_SETUP_STARTED",
  "AUTHENTICATOR_REPLACED",
  "AUTHENTICATOR_ADDED",
  "AUTHENTICATOR_REMOVED",
  "TWO_FACTOR_DEACTIVATED",
  "TWO_FACTOR_RESET",
  "BACKUP_CODES_ISSUED",
  "BACKUP_CODES_ACKNOWLEDGED",
  "BACKUP_CODE_USED",
  "SECURITY_POLICY_CHANGED",
  "USER_ENFORCEMENT_CHANGED",
  "PASSWORD_CHANGED",
  "REAUTHENTICATION_FAILED",
  "SESSION_ENDED",
  "DEVICE_FORGOTTEN",
  "COMPANY_CREATED",
  "USER_CREATED",
  "USER_DELETED",
  "USER_DISABLED",
  "USER_ENABLED",
  "USER_UNLOCKED",
  "NAME_CHANGED",
  "ROLE_CHANGED",
];

/** The text of what a change is about. Those of the rules are the labels of the policy page. @type {Record<string, string>} */
const CHANGED_FIELDS = {
  TWO_FACTOR_ENFORCED: "policy.enforced",
  ENFORCED_FOR: "policy.enforcedFor",
  ENFORCE_FROM: "policy.enforceFrom",
  BACKUP_CODES_ENABLED: "policy.backupCodes",
  NEW_DEVICE_EMAILS: "policy.newDeviceEmails",
  SECOND_FACTOR_FOR_CHANGES: "policy.secondFactorForChanges",
  RESETS_NEED_VOUCHER: "policy.resetsNeedVoucher",
  ROLE: "role",
  NAME: "name",
  ENFORCEMENT: "enforcement.rule",
  EXEMPT_UNTIL: "enforcement.until",
};

/** @type {Record<string, string>} */
const VARIANTS = {
  LOGIN_FAILED: "warning",
  SECOND_FACTOR_FAILED: "error",
  "SECOND_FACTOR_FAILED.ACTIVATION": "",
  VOUCHER_FAILED: "error",
  REAUTHENTICATION_FAILED: "warning",
  LOCKED: "error",
  TWO_FACTOR_ACTIVATED: "success",
  TWO_FACTOR_DEACTIVATED: "error",
  TWO_FACTOR_RESET: "error",
  BACKUP_CODE_USED: "warning",
  PASSWORD_CHANGED: "warning",
  SECURITY_POLICY_CHANGED: "warning",
  USER_ENFORCEMENT_CHANGED: "warning",
};

/**
 * Returns the text of an event kind. For a kind that is added to the schema later, this is its name in lower case.
 * @param {string} kind
 */
export function eventKindText(kind) {
  const key = `event.${kind}`;
  return hasText(key) ? t(key) : kind.toLowerCase().replaceAll("_", " ");
}

/** Returns what happened. What was going on can change the text. @param {SecurityEvent} event */
function eventText({ kind, during }) {
  const key = `event.${kind}.${during}`;
  return hasText(key) ? t(key) : eventKindText(kind);
}

/** Returns a text for each fact of an event. @param {SecurityEvent} event */
function factTexts({ kind, factor, during, change, note }) {
  const isReplaced = (change ?? []).some(({ field }) => field === "ENFORCED_FOR");
  // The new rule says more than the earlier one.
  const shown = (change ?? []).filter(({ field }) => !(isReplaced && field === "TWO_FACTOR_ENFORCED"));
  const changes = shown.map(({ field, from, to }) =>
    t(from === null && field !== "ENFORCE_FROM" ? "events.changedTo" : "events.change", {
      field: field in CHANGED_FIELDS ? t(CHANGED_FIELDS[field]) : field.toLowerCase().replaceAll("_", " "),
      from: valueText(field, from),
      to: valueText(field, to),
    }),
  );
  // The note of other kinds says the same as these facts, for older clients.
  const hasNote = note && !factor && !during && !change;
  return [
    factor && t("events.factor", { factor: hasText(`secondFactor.${factor}`) ? t(`secondFactor.${factor}`) : factor }),
    ...changes,
    hasNote && t(kind === "USER_DELETED" ? "events.deletedUser" : "events.note", { note }),
  ].filter(Boolean);
}

/** @param {string} field @param {string | null} value */
function valueText(field, value) {
  if (field === "ENFORCE_FROM") {
    return formatDateTime(value) || t("policy.noDate");
  }
  if (field === "EXEMPT_UNTIL") {
    return formatDateTime(value) || t("enforcement.none");
  }
  if (field === "ENFORCEMENT") {
    return t(`enforcement.${value}`);
  }
  const key = field === "ROLE" ? `role.${value}` : `policy.${value}`;
  return field !== "NAME" && hasText(key) ? t(key) : (value ?? "");
}

/**
 * @typedef {object} TimelineOptions
 * @property {boolean} withUsers true to show the user of each event
 * @property {2 | 3} [level] of the headings of the days
 */

/**
 * @param {SecurityEvent[]} events
 * @param {TimelineOptions} options
 * @returns {Node[]}
 */
export function timeline(events, { withUsers, level = 2 }) {
  if (events.length === 0) {
    return [h("p", { class: "muted" }, t("events.empty"))];
  }
  /** @type {Map<string, SecurityEvent[]>} */
  const days = new Map();
  for (const event of events) {
    const day = formatDate(event.occurredAt);
    days.set(day, [...(days.get(day) ?? []), event]);
  }
  return [...days].flatMap(([day, list]) => [
    h(`h${level}`, {}, day),
    h("ol", { class: "timeline" }, list.map((event) => eventItem(event, withUsers))),
  ]);
}

/** @param {SecurityEvent} event @param {boolean} withUsers */
function eventItem(event, withUsers) {
  const { user, actor } = event;
  const origin = [event.ipAddress, event.deviceName].filter(Boolean).join(" · ");
  return h(
    "li",
    { class: VARIANTS[`${event.kind}.${event.during}`] ?? VARIANTS[event.kind] ?? "" },
    h(
      "p",
      {},
      h("time", { class: "muted", datetime: event.occurredAt }, formatTime(event.occurredAt)),
      " ",
      h("strong", {}, eventText(event)),
      withUsers && user && [": ", h("a", { href: `#/users/${encodeURIComponent(user.id)}` }, user.name)],
    ),
    actor && h("p", {}, t("events.by", { name: actor.name })),
    factTexts(event).map((text) => h("p", {}, text)),
    origin && h("p", { class: "muted small" }, origin),
  );
}

/**
 * Creates a timeline with a button that loads older events. The button is hidden if there are none. The address says
 * where the events begin that were loaded last, so that it can be sent to a colleague.
 * @param {import("../router.js").RouteLocation} location
 * @param {(after: string | null) => Promise<import("../operations.js").SecurityEvents>} load
 * @param {TimelineOptions} options
 */
export async function expandableTimeline(location, load, options) {
  const place = location.query.get("after") || null;
  let { nodes, pageInfo } = await load(place);
  const list = h("div", {});
  const moreButton = h("button", { type: "button", onclick: loadOlder }, t("events.older"));
  render();
  const newestLink = h("a", { href: `#${addressOfPlace(location, "")}` }, t("events.newest"));
  return h("div", {}, place && h("p", {}, newestLink), list, moreButton);

  function render() {
    list.replaceChildren(...timeline(nodes, options));
    moreButton.hidden = !pageInfo.hasNextPage;
  }

  async function loadOlder() {
    const after = pageInfo.endCursor;
    let older;
    try {
      older = await load(after);
    } catch (error) {
      handleError(error);
      return;
    }
    // The user has opened another page in the meantime.
    if (!list.isConnected) {
      return;
    }
    const previousCount = nodes.length;
    nodes = [...nodes, ...older.nodes];
    pageInfo = older.pageInfo;
    history.pushState(null, "", `#${addressOfPlace(location, after ?? "")}`);
    render();
    // Move the focus to the first new event, because the button can be hidden now.
    const firstNew = list.querySelectorAll("li")[previousCount];
    firstNew?.setAttribute("tabindex", "-1");
    firstNew?.focus();
  }
}
