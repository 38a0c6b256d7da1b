/** Security events along a line, day by day. */

import { report } from "../detours.js";
import { h } from "../dom.js";
import { date, isKnownText, t, timeOfDay } from "../i18n.js";
import { deviceName } from "./device.js";

/** @typedef {import("../operations.js").SecurityEvent} SecurityEvent */

export const KINDS = [
  "LOGIN_SUCCEEDED",
  "LOGIN_FAILED",
  "SECOND_FACTOR_FAILED",
  "LOGGED_OUT",
  "SESSION_REVOKED",
  "LOCKED",
  "TWO_FACTOR_ACTIVATION_STARTED",
  "TWO_FACTOR_ACTIVATED",
  "TWO_FACTOR_DEACTIVATED",
  "TWO_FACTOR_RESET",
  "BACKUP_CODES_ISSUED",
  "BACKUP_CODE_USED",
  "SECURITY_POLICY_CHANGED",
  "PASSWORD_CHANGED",
];

/** @type {Record<string, string>} */
const TONES = {
  LOGIN_FAILED: "warn",
  SECOND_FACTOR_FAILED: "bad",
  REAUTHENTICATION_FAILED: "warn",
  LOCKED: "bad",
  TWO_FACTOR_ACTIVATED: "good",
  TWO_FACTOR_DEACTIVATED: "bad",
  TWO_FACTOR_RESET: "bad",
  BACKUP_CODE_USED: "warn",
  PASSWORD_CHANGED: "warn",
  SECURITY_POLICY_CHANGED: "warn",
};

/** The words for a kind; one that came to the contract later goes by its name. @param {string} kind */
export function kindText(kind) {
  const key = `event.${kind}`;
  return isKnownText(key) ? t(key) : kind.toLowerCase().replaceAll("_", " ");
}

/**
 * @typedef {object} Options
 * @property {boolean} withUsers whether to say whose account each event happened to
 * @property {2 | 3} [level] of the headings of the days
 */

/**
 * @param {SecurityEvent[]} events
 * @param {Options} options
 * @returns {Node[]}
 */
export function timeline(events, { withUsers, level = 2 }) {
  if (events.length === 0) {
    return [h("p", { class: "quiet" }, t("events.none"))];
  }
  /** @type {Map<string, SecurityEvent[]>} */
  const days = new Map();
  for (const event of events) {
    const day = date(event.occurredAt);
    days.set(day, [...(days.get(day) ?? []), event]);
  }
  return [...days].flatMap(([day, list]) => [
    h(`h${level}`, {}, day),
    h("ol", { class: "timeline" }, list.map((event) => item(event, withUsers))),
  ]);
}

/** @param {SecurityEvent} event @param {boolean} withUsers */
function item(event, withUsers) {
  const { user, actor } = event;
  const where = [event.ipAddress, deviceName(event.userAgent)].filter(Boolean).join(" · ");
  return h(
    "li",
    { class: TONES[event.kind] ?? "" },
    h(
      "p",
      {},
      h("time", { class: "quiet", datetime: event.occurredAt }, timeOfDay(event.occurredAt)),
      " ",
      h("strong", {}, kindText(event.kind)),
      withUsers && user && [": ", h("a", { href: `#/users/${encodeURIComponent(user.id)}` }, user.name)],
    ),
    actor && h("p", {}, t("events.by", { name: actor.name })),
    event.note && h("p", {}, t("events.note", { note: event.note })),
    where && h("p", { class: "quiet small" }, where),
  );
}

/**
 * A timeline that grows: a button asks for older events as long as there are any.
 * @param {import("../operations.js").SecurityEvents} newest
 * @param {(after: string | null) => Promise<import("../operations.js").SecurityEvents>} load
 * @param {Options} options
 */
export function growingTimeline(newest, load, options) {
  let { nodes, pageInfo } = newest;
  const list = h("div", {});
  const more = h("button", { type: "button", onclick: grow }, t("events.older"));
  draw();
  return h("div", {}, list, more);

  function draw() {
    list.replaceChildren(...timeline(nodes, options));
    more.hidden = !pageInfo.hasNextPage;
  }

  async function grow() {
    let older;
    try {
      older = await load(pageInfo.endCursor);
    } catch (error) {
      report(error);
      return;
    }
    const seen = nodes.length;
    nodes = [...nodes, ...older.nodes];
    pageInfo = older.pageInfo;
    draw();
    // To the first of the new ones, for the button may be gone.
    const next = list.querySelectorAll("li")[seen];
    next?.setAttribute("tabindex", "-1");
    next?.focus();
  }
}
