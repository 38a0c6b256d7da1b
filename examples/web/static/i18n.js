/** Texts, dates and numbers in the language of the user. */

import de from "./texts/de.js";
import en from "./texts/en.js";

/**
 * Texts by key, with `{name}` for placeholders. A text with a `count` has a singular and a plural form.
 * @typedef {Record<string, string | { one: string, other: string }>} Texts
 */

/** @type {Record<string, Texts>} */
const LANGUAGES = { en, de };
/** The name of each language, in that language. */
export const LANGUAGE_NAMES = { en: "English", de: "Deutsch" };
const STORAGE_KEY = "language";

let language = detectLanguage();
document.documentElement.lang = language;

/** Returns the language that the user chose here before, else the first supported one of the browser, else English. */
function detectLanguage() {
  const candidates = [localStorage.getItem(STORAGE_KEY), ...navigator.languages];
  return candidates.map((tag) => (tag ?? "").slice(0, 2).toLowerCase()).find((tag) => tag in LANGUAGES) ?? "en";
}

/** Returns the ISO 639-1 code of the language. */
export function currentLanguage() {
  return language;
}

/** Sets the language and stores the choice. The caller has to render the page again. @param {string} chosen */
export function setLanguage(chosen) {
  language = chosen;
  localStorage.setItem(STORAGE_KEY, chosen);
  document.documentElement.lang = chosen;
}

/**
 * Returns a text with its placeholders filled in. `count` chooses between singular and plural. Returns the key if there
 * is no such text.
 * @param {string} key
 * @param {Record<string, string | number>} [values]
 * @returns {string}
 */
export function t(key, values = {}) {
  const entry = LANGUAGES[language][key];
  if (entry === undefined) {
    return key;
  }
  const isOne = new Intl.PluralRules(language).select(Number(values.count)) === "one";
  const text = typeof entry === "string" ? entry : isOne ? entry.one : entry.other;
  return text.replaceAll(/\{(\w+)\}/g, (_, name) => formatValue(values[name]));
}

/** @param {string} key */
export function hasText(key) {
  return key in LANGUAGES[language];
}

/** @param {string | number | undefined} value */
function formatValue(value) {
  return typeof value === "number" ? new Intl.NumberFormat(language).format(value) : String(value ?? "");
}

/**
 * Formats an instant of the API (RFC 3339) as date and time, in the time zone of the browser. null gives "".
 * @param {string | null} instant
 */
export function formatDateTime(instant) {
  return formatInstant(instant, { dateStyle: "medium", timeStyle: "short" });
}

/** Formats the date of an instant, with the weekday. @param {string | null} instant */
export function formatDate(instant) {
  return formatInstant(instant, { dateStyle: "full" });
}

/** Formats the time of day with seconds, which the wait after too many attempts needs. @param {string | null} instant */
export function formatTime(instant) {
  return formatInstant(instant, { timeStyle: "medium" });
}

/**
 * @param {string | null} instant
 * @param {Intl.DateTimeFormatOptions} options
 */
function formatInstant(instant, options) {
  // British English, because most countries put the day before the month.
  const locale = language === "en" ? "en-GB" : language;
  return instant ? new Intl.DateTimeFormat(locale, options).format(new Date(instant)) : "";
}
