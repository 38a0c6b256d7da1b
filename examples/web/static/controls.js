/** The fields of forms: label, input, hint and error. */

import { h } from "./dom.js";
import { t } from "./i18n.js";

/** @typedef {import("./forms.js").Field} Field */

// Makes the ids of fields unique, since a page can have several forms.
let fieldCount = 0;

/** Creates the elements of a field, and functions to read its value and to show an error. @param {Field} field */
export function createControl(field) {
  fieldCount += 1;
  const id = `${field.name}-${fieldCount}`;
  const hint = field.hint && h("p", { class: "hint", id: `${id}-hint` }, field.hint);
  const error = h("p", { class: "field-error", id: `${id}-error`, role: "alert" });
  const input = createInput(field, id);
  input.setAttribute("aria-describedby", hint ? `${hint.id} ${error.id}` : error.id);
  const label = h("label", { for: id }, field.label);
  const checkbox = input instanceof HTMLInputElement && input.type === "checkbox" ? input : null;
  const toggle = field.canBeShown && input instanceof HTMLInputElement ? createToggle(input) : null;
  /** @type {string | null} */
  let sent = null;
  /** @type {string | null} */
  let rejected = null;
  return {
    field,
    input,
    element: h(
      "div",
      { class: "field" },
      checkbox ? h("div", { class: "checkbox" }, input, label) : label,
      !checkbox && (toggle ? h("div", { class: "with-toggle" }, input, toggle) : input),
      hint,
      error,
    ),
    value: () => (checkbox ? (checkbox.checked ? "on" : "") : input.value),
    isMissing: () => !field.optional && !(checkbox ? checkbox.checked : input.value),
    /** Remembers the entry, so that it is not sent twice. */
    markAsSent() {
      sent = entry();
      toggle?.hide();
    },
    /**
     * Calls `submit` when the entry becomes complete: once for each entry, and not for one that the server rejected.
     * @param {() => void} submit
     */
    onComplete(submit) {
      /** @param {Event} event */
      const check = (event) => {
        const complete = entry();
        if (complete === null) {
          sent = null;
        } else if (complete !== sent && complete !== rejected && !(event instanceof InputEvent && event.isComposing)) {
          submit();
        }
      };
      input.addEventListener("input", check);
      input.addEventListener("compositionend", check);
      // Users press Enter after the last digit out of habit, when the answer may be there already.
      input.addEventListener("keydown", (event) => {
        if (/** @type {KeyboardEvent} */ (event).key === "Enter" && entry() !== null && entry() === rejected) {
          event.preventDefault();
        }
      });
    },
    /**
     * Shows an error, or removes it if the text is empty.
     * @param {string} text
     * @param {boolean} [isRejected] true if the server checked the entry and it was wrong
     */
    setError(text, isRejected = false) {
      error.replaceChildren(text);
      rejected = isRejected ? entry() : rejected;
      if (text) {
        input.setAttribute("aria-invalid", "true");
      } else {
        input.removeAttribute("aria-invalid");
      }
    },
  };

  /** Returns the complete entry, or null. */
  function entry() {
    return field.completeEntry?.(input.value) ?? null;
  }
}

/** Creates a button that shows the password. @param {HTMLInputElement} input */
function createToggle(input) {
  const button = h(
    "button",
    { type: "button", "aria-pressed": "false", "aria-controls": input.id, onclick: () => show(input.type === "password") },
    t("password.show"),
  );
  return Object.assign(button, { hide: () => show(false) });

  /** @param {boolean} isShown */
  function show(isShown) {
    input.type = isShown ? "text" : "password";
    button.setAttribute("aria-pressed", String(isShown));
  }
}

/** @param {Field} field @param {string} id */
function createInput(field, id) {
  const shared = { id, name: field.name, "aria-required": field.optional ? null : "true", ...field.attributes };
  if (field.type === "select") {
    const options = (field.options ?? []).map(([value, text]) =>
      h("option", { value, selected: value === field.value }, text),
    );
    return h("select", { ...shared, "aria-required": null }, options);
  }
  if (field.type === "textarea") {
    return h("textarea", { rows: 3, ...shared }, field.value ?? "");
  }
  return h("input", { type: field.type ?? "text", value: field.value, checked: field.checked === true, ...shared });
}
