/** The rules of the company, and what a change will do before it is done. */

import { h, note } from "../dom.js";
import { form, passwordField, refusal } from "../forms.js";
import { send } from "../graphql.js";
import { t } from "../i18n.js";
import { notify } from "../notices.js";
import { COUNT_USERS, UPDATE_POLICY } from "../operations.js";
import { refresh } from "../router.js";
import { loadViewer, present } from "../state.js";

/** @returns {Promise<import("../router.js").Page>} */
export async function policyPage() {
  const [counts, viewer] = await Promise.all([send(COUNT_USERS, {}), loadViewer()]);
  const { company, twoFactor } = present(viewer);
  const preview = h("div", { role: "status" });
  const element = form({
    fields: [
      {
        name: "enforced",
        label: t("policy.enforced"),
        hint: t("policy.enforcedHint"),
        type: "checkbox",
        checked: company.twoFactorEnforced,
        optional: true,
      },
      {
        name: "backupCodes",
        label: t("policy.backupCodes"),
        hint: t("policy.backupCodesHint"),
        type: "checkbox",
        checked: company.backupCodesEnabled,
        optional: true,
      },
      { ...passwordField(), label: t("ownPassword") },
    ],
    between: [preview],
    submit: t("policy.submit"),
    act: update,
  });
  element.addEventListener("change", tell);
  tell();
  return {
    title: t("policy.title"),
    narrow: true,
    content: [h("p", {}, t("policy.lead", { company: company.name })), h("div", { class: "card" }, element)],
  };

  /** Says what the boxes as they are would do. */
  function tell() {
    const enforced = element.elements.namedItem("enforced").checked;
    const backupCodes = element.elements.namedItem("backupCodes").checked;
    const effects = [];
    if (enforced && !company.twoFactorEnforced) {
      effects.push(t("effect.enforce", { count: counts.inactive.totalCount }));
      if (twoFactor.state === "INACTIVE") {
        effects.push(t("effect.enforceYou"));
      }
    }
    if (!enforced && company.twoFactorEnforced) {
      effects.push(t("effect.release", { count: counts.active.totalCount }));
    }
    if (!backupCodes && company.backupCodesEnabled) {
      effects.push(t("effect.codesOff", { count: counts.active.totalCount }));
    }
    if (backupCodes && !company.backupCodesEnabled) {
      effects.push(t("effect.codesOn"));
    }
    preview.replaceChildren(
      h("h2", {}, t("policy.effects")),
      ...(effects.length ? effects.map((effect) => note(effect, "warn")) : [h("p", { class: "quiet" }, t("effect.none"))]),
    );
  }
}

/** @param {import("../forms.js").Values} values */
async function update({ enforced, backupCodes, password }) {
  const { updateSecurityPolicy: outcome } = await send(UPDATE_POLICY, {
    password,
    twoFactorEnforced: enforced === "on",
    backupCodesEnabled: backupCodes === "on",
  });
  if (outcome.__typename === "SecurityPolicyUpdated") {
    await loadViewer();
    notify(t("policy.done"));
    refresh();
    return;
  }
  return refusal(outcome, "password");
}
