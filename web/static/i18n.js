/** Words, dates and numbers in the language of the person at the screen. */

import de from "./texts/de.js";
import en from "./texts/en.js";

/** @typedef {Record<string, string | { one: string, other: string }>} Texts */

/** @type {Record<string, Texts>} */
const LANGUAGES = { en, de };
/** How each language calls itself. */
export const LANGUAGE_NAMES = { en: "English", de: "Deutsch" };
const STORAGE_KEY = "language";

let language = preferred();
document.documentElement.lang = language;

/** What was chosen here before, else the first of the browser's languages that we speak, else English. */
function preferred() {
  const wishes = [localStorage.getItem(STORAGE_KEY), ...navigator.languages];
  return wishes.map((tag) => (tag ?? "").slice(0, 2).toLowerCase()).find((tag) => tag in LANGUAGES) ?? "en";
}

export function currentLanguage() {
  return language;
}

/** @param {string} chosen */
export function chooseLanguage(chosen) {
  language = chosen;
  localStorage.setItem(STORAGE_KEY, chosen);
  document.documentElement.lang = chosen;
}

/**
 * A text with its facts filled in. `count` chooses between one and many.
 * @param {string} key
 * @param {Record<string, string | number>} [given]
 * @returns {string}
 */
export function t(key, given = {}) {
  const entry = LANGUAGES[language][key];
  if (entry === undefined) {
    return key;
  }
  const isOne = new Intl.PluralRules(language).select(Number(given.count)) === "one";
  const text = typeof entry === "string" ? entry : isOne ? entry.one : entry.other;
  return text.replaceAll(/\{(\w+)\}/g, (_, name) => written(given[name]));
}

/** @param {string} key */
export function isKnownText(key) {
  return key in LANGUAGES[language];
}

/** @param {string | number | undefined} fact */
function written(fact) {
  return typeof fact === "number" ? new Intl.NumberFormat(language).format(fact) : String(fact ?? "");
}

/**
 * An instant of the API (RFC 3339) as date and time of day, in the time zone of the browser.
 * @param {string | null} instant
 */
export function dateTime(instant) {
  return format(instant, { dateStyle: "medium", timeStyle: "short" });
}

/** @param {string | null} instant */
export function date(instant) {
  return format(instant, { dateStyle: "full" });
}

/** The time of day, to the second: for waits. @param {string | null} instant */
export function timeOfDay(instant) {
  return format(instant, { timeStyle: "medium" });
}

/**
 * @param {string | null} instant
 * @param {Intl.DateTimeFormatOptions} options
 */
function format(instant, options) {
  // British English puts the day before the month, as most of the world does.
  const locale = language === "en" ? "en-GB" : language;
  return instant ? new Intl.DateTimeFormat(locale, options).format(new Date(instant)) : "";
}
