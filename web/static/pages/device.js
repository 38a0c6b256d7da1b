/** What a browser calls itself, in the few words that people know it by. */

const BROWSERS = [
  [/Edg\/(\d+)/, "Edge"],
  [/OPR\/(\d+)/, "Opera"],
  [/Firefox\/(\d+)/, "Firefox"],
  [/Chrome\/(\d+)/, "Chrome"],
  [/Version\/(\d+).*Safari/, "Safari"],
];
const SYSTEMS = [
  [/Android/, "Android"],
  [/iPhone|iPad/, "iOS"],
  [/Windows/, "Windows"],
  [/Mac OS X/, "macOS"],
  [/Linux/, "Linux"],
];
const MAX_LENGTH = 80;

/** @param {string | null} userAgent */
export function deviceName(userAgent) {
  if (!userAgent) {
    return "";
  }
  const browser = first(BROWSERS, userAgent);
  const system = first(SYSTEMS, userAgent);
  return browser && system ? `${browser}, ${system}` : userAgent.slice(0, MAX_LENGTH);
}

/** @param {(string | RegExp)[][]} table @param {string} userAgent */
function first(table, userAgent) {
  for (const [pattern, name] of table) {
    const found = /** @type {RegExp} */ (pattern).exec(userAgent);
    if (found) {
      return [name, found[1]].filter(Boolean).join(" ");
    }
  }
  return "";
}
