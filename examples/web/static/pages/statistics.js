/** How many users of the company are in each state. */

import { h, svg } from "../dom.js";
import { t } from "../i18n.js";

// The radius of a circle with a circumference of 100, so that the length of an arc is a percentage.
const CHART_RADIUS = 15.9155;

/**
 * Shows how many users have 2FA, as a ring chart, and each number as a link to these users.
 * @param {import("../operations.js").Statistics} statistics
 */
export function statisticsSection({ active, inactive, fewBackupCodes, locked, setupDue, disabled }) {
  const total = active + inactive;
  const percent = total ? Math.round((100 * active) / total) : 0;
  const ring = { cx: 21, cy: 21, r: CHART_RADIUS, "stroke-width": 5 };
  return h(
    "section",
    { class: "card", "aria-labelledby": "chart-title" },
    h("h2", { id: "chart-title" }, t("chart.title")),
    h(
      "div",
      { class: "chart" },
      svg(
        "svg",
        { class: "ring-chart", viewBox: "0 0 42 42", role: "img", "aria-label": t("chart.label", { count: active, total }) },
        svg("circle", { ...ring, class: "ring-track" }),
        // An arc starts at the right of the circle; the rotation moves its start to the top.
        percent > 0 &&
          svg("circle", {
            ...ring,
            class: "ring-value",
            "stroke-dasharray": `${percent} ${100 - percent}`,
            transform: "rotate(-90 21 21)",
          }),
        svg("text", { x: 21, y: 24, "aria-hidden": "true" }, `${percent} %`),
      ),
      h(
        "ul",
        { class: "chart-legend" },
        legendItem("active", t("state.ACTIVE"), active, "?twoFactor=ACTIVE"),
        legendItem("inactive", t("state.INACTIVE"), inactive, "?twoFactor=INACTIVE"),
        fewBackupCodes !== null && legendItem("", t("chart.fewCodes"), fewBackupCodes, "?fewCodes=on"),
        legendItem("", t("chart.setupDue"), setupDue, "?setupDue=on"),
        legendItem("", t("chart.locked"), locked, "?locked=on"),
        legendItem("", t("chart.disabled"), disabled, "?account=disabled"),
      ),
    ),
  );
}

/** @param {string} dot @param {string} text @param {number} count @param {string} query */
function legendItem(dot, text, count, query) {
  return h(
    "li",
    {},
    h("span", {}, dot && h("span", { class: `dot ${dot}` }), h("a", { href: `#/users${query}` }, text)),
    h("strong", {}, String(count)),
  );
}
