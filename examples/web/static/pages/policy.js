/** The security policy of the company, with a preview of the effects of a change. For admins. */

import { h, note } from "../dom.js";
import { adminChangeFields, form, formError, secondFactorOf } from "../forms.js";
import { send } from "../graphql.js";
import { t } from "../i18n.js";
import { notify } from "../notifications.js";
import { COUNT_USERS, UPDATE_POLICY } from "../operations.js";
import { refresh } from "../router.js";
import { loadViewer, requireViewer } from "../state.js";

/** @returns {Promise<import("../router.js").Page>} */
export async function policyPage() {
  const [counts, viewer] = await Promise.all([send(COUNT_USERS, {}), loadViewer()]);
  const { company, twoFactor } = requireViewer(viewer);
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
      {
        name: "newDeviceEmails",
        label: t("policy.newDeviceEmails"),
        hint: t("policy.newDeviceEmailsHint"),
        type: "checkbox",
        checked: company.newDeviceEmails,
        optional: true,
      },
      {
        name: "secondFactorForChanges",
        label: t("policy.secondFactorForChanges"),
        hint: t("policy.secondFactorForChangesHint"),
        type: "checkbox",
        checked: company.secondFactorForChanges,
        optional: true,
      },
      ...adminChangeFields(),
    ],
    beforeButton: [preview],
    submit: t("save"),
    onSubmit: updatePolicy,
  });
  element.addEventListener("change", showEffects);
  showEffects();
  return {
    title: t("policy.title"),
    narrow: true,
    content: [h("p", {}, t("policy.lead", { company: company.name })), h("div", { class: "card" }, element)],
  };

  /** Shows the effects that saving the current values of the checkboxes would have. */
  function showEffects() {
    const enforced = isChecked(element, "enforced");
    const backupCodes = isChecked(element, "backupCodes");
    const effects = [];
    if (enforced && !company.twoFactorEnforced) {
      effects.push(t("effect.enforce", { count: counts.inactive.totalCount }));
      if (twoFactor.state === "INACTIVE") {
        effects.push(t("effect.enforceOwn"));
      }
    }
    if (!enforced && company.twoFactorEnforced) {
      effects.push(t("effect.stopEnforcing", { count: counts.active.totalCount }));
    }
    if (!backupCodes && company.backupCodesEnabled) {
      effects.push(t("effect.disableBackupCodes", { count: counts.active.totalCount }));
    }
    if (backupCodes && !company.backupCodesEnabled) {
      effects.push(t("effect.enableBackupCodes"));
    }
    preview.replaceChildren(
      h("h2", {}, t("policy.effects")),
      ...(effects.length ? effects.map((effect) => note(effect, "warning")) : [h("p", { class: "muted" }, t("effect.none"))]),
    );
  }
}

/** @param {HTMLFormElement} element @param {string} name of a checkbox */
function isChecked(element, name) {
  return /** @type {HTMLInputElement} */ (element.elements.namedItem(name)).checked;
}

/** @param {import("../forms.js").Values} values */
async function updatePolicy(values) {
  const { updateSecurityPolicy: result } = await send(UPDATE_POLICY, {
    password: values.password,
    secondFactor: secondFactorOf(values),
    twoFactorEnforced: values.enforced === "on",
    backupCodesEnabled: values.backupCodes === "on",
    newDeviceEmails: values.newDeviceEmails === "on",
    secondFactorForChanges: values.secondFactorForChanges === "on",
  });
  if (result.__typename === "SecurityPolicyUpdated") {
    await loadViewer();
    notify(t("policy.done"));
    refresh();
    return;
  }
  return formError(result, "password");
}
