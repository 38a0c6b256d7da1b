/** The page of the company's security events, for admins. */

import { h } from "../dom.js";
import { form } from "../forms.js";
import { send } from "../graphql.js";
import { t } from "../i18n.js";
import { GET_EVENTS, GET_USER } from "../operations.js";
import { navigate } from "../router.js";
import { loadByAddress } from "./list-address.js";
import { EVENT_KINDS, eventKindText, expandableTimeline } from "./timeline.js";

/** @type {Record<string, (value: string) => boolean>} */
const IS_KNOWN = {
  kind: (value) => value === "" || EVENT_KINDS.includes(value),
  since: isDayOrEmpty,
  until: isDayOrEmpty,
};

/**
 * @param {import("../router.js").RouteLocation} location
 * @returns {Promise<import("../router.js").Page | import("../router.js").Redirect>}
 */
export function eventsPage(location) {
  return loadByAddress(location, IS_KNOWN, () => loadEvents(location));
}

/** @param {import("../router.js").RouteLocation} location @returns {Promise<import("../router.js").Page>} */
async function loadEvents(location) {
  const { query } = location;
  const filter = filterFromQuery(query);
  /** @param {string | null} after */
  const load = async (after) => (await send(GET_EVENTS, { filter, after })).securityEvents;
  const [list, userName] = await Promise.all([
    expandableTimeline(location, load, { withUsers: true }),
    filter.userId ? loadUserName(filter.userId) : null,
  ]);
  return {
    title: t("events.title"),
    content: [
      h(
        "section",
        { class: "card", "aria-label": t("filters") },
        filterForm(query),
        userName &&
          h(
            "p",
            {},
            t("events.filteredByUser", { name: userName }),
            " ",
            h("a", { href: "#/events" }, t("events.showAllUsers")),
          ),
      ),
      h("div", { class: "card" }, list),
    ],
  };
}

/** @param {URLSearchParams} query @returns {import("../operations.js").SecurityEventFilter} */
function filterFromQuery(query) {
  const kind = query.get("kind");
  const until = query.get("until");
  return {
    userId: query.get("user") || undefined,
    kinds: kind ? [kind] : undefined,
    since: startOfDay(query.get("since"), 0),
    // The start of the next day, so that the chosen day is included.
    until: until ? startOfDay(until, 1) : undefined,
  };
}

/**
 * Returns the start of a day in the time zone of the browser, in UTC and whole seconds as the API requires; undefined if
 * the day is missing or invalid.
 * @param {string | null} day YYYY-MM-DD, the format of date inputs
 * @param {number} daysLater
 */
function startOfDay(day, daysLater) {
  const [year, month, date] = (day ?? "").split("-").map(Number);
  const midnight = new Date(year, month - 1, date + daysLater);
  return Number.isNaN(midnight.getTime()) ? undefined : `${midnight.toISOString().slice(0, 19)}Z`;
}

/** @param {string} value */
function isDayOrEmpty(value) {
  const day = new Date(`${value}T00:00:00Z`);
  // The API takes years of four digits, also for the start of the next day.
  return value === "" || (value < "9999" && !Number.isNaN(day.getTime()) && day.toISOString().slice(0, 10) === value);
}

/** @param {URLSearchParams} query */
function filterForm(query) {
  const element = form({
    fields: [
      {
        name: "kind",
        label: t("events.kind"),
        type: "select",
        value: query.get("kind") ?? "",
        optional: true,
        options: [["", t("all")], ...EVENT_KINDS.map((kind) => /** @type {[string, string]} */ ([kind, eventKindText(kind)]))],
      },
      { name: "since", label: t("events.since"), type: "date", value: query.get("since") ?? "", optional: true },
      { name: "until", label: t("events.until"), type: "date", value: query.get("until") ?? "", optional: true },
    ],
    submit: t("show"),
    onSubmit: async (values) => {
      const newQuery = new URLSearchParams(Object.entries(values).filter(([, value]) => value));
      const user = query.get("user");
      if (user) {
        newQuery.set("user", user);
      }
      navigate(`/events?${newQuery}`);
    },
  });
  element.className = "filters";
  return element;
}

/** @param {string} id */
async function loadUserName(id) {
  return (await send(GET_USER, { id })).user?.name ?? id;
}
