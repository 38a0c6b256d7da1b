/** The admin's view of what happened to sign-in and 2FA in the company. */

import { h } from "../dom.js";
import { form } from "../forms.js";
import { send } from "../graphql.js";
import { t } from "../i18n.js";
import { GET_EVENTS, GET_USER } from "../operations.js";
import { go } from "../router.js";
import { KINDS, growingTimeline, kindText } from "./timeline.js";

/** @param {import("../router.js").Place} place @returns {Promise<import("../router.js").Page>} */
export async function eventsPage({ query }) {
  const filter = filterOf(query);
  /** @param {string | null} after */
  const load = async (after) => (await send(GET_EVENTS, { filter, after })).securityEvents;
  const [events, whose] = await Promise.all([load(null), filter.userId ? nameOf(filter.userId) : null]);
  return {
    title: t("events.title"),
    content: [
      h(
        "section",
        { class: "card filters-card", "aria-label": t("filters") },
        filters(query),
        whose &&
          h("p", {}, t("events.onlyOf", { name: whose }), " ", h("a", { href: "#/events" }, t("events.ofEverybody"))),
      ),
      h("div", { class: "card" }, growingTimeline(events, load, { withUsers: true })),
    ],
  };
}

/** @param {URLSearchParams} query @returns {import("../operations.js").SecurityEventFilter} */
function filterOf(query) {
  const kind = query.get("kind");
  const until = query.get("until");
  return {
    userId: query.get("user") ?? undefined,
    kinds: kind ? [kind] : undefined,
    since: instantOf(query.get("since"), 0),
    // The day itself is meant to be in.
    until: until ? instantOf(until, 1) : undefined,
  };
}

/**
 * The first instant of a day here, some days later, as the API wants it: in UTC and whole seconds.
 * @param {string | null} day as date inputs give it, YYYY-MM-DD
 * @param {number} daysLater
 */
function instantOf(day, daysLater) {
  const [year, month, date] = (day ?? "").split("-").map(Number);
  const midnight = new Date(year, month - 1, date + daysLater);
  return Number.isNaN(midnight.getTime()) ? undefined : `${midnight.toISOString().slice(0, 19)}Z`;
}

/** @param {URLSearchParams} query */
function filters(query) {
  const element = form({
    fields: [
      {
        name: "kind",
        label: t("events.kind"),
        type: "select",
        value: query.get("kind") ?? "",
        optional: true,
        options: [["", t("all")], ...KINDS.map((kind) => /** @type {[string, string]} */ ([kind, kindText(kind)]))],
      },
      { name: "since", label: t("events.since"), type: "date", value: query.get("since") ?? "", optional: true },
      { name: "until", label: t("events.until"), type: "date", value: query.get("until") ?? "", optional: true },
    ],
    submit: t("show"),
    act: async (values) => {
      const chosen = new URLSearchParams(Object.entries(values).filter(([, value]) => value));
      const user = query.get("user");
      if (user) {
        chosen.set("user", user);
      }
      go(`/events?${chosen}`);
    },
  });
  element.className = "filters";
  return element;
}

/** @param {string} id */
async function nameOf(id) {
  return (await send(GET_USER, { id })).user?.name ?? id;
}
