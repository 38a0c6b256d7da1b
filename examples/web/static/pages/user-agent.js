/** Short, readable names for User-Agent headers. */

// The order matters: Edge and Opera contain "Chrome" too, and Chrome contains "Safari".
/** @type {[RegExp, string][]} */
const BROWSERS = [
  [/Edg\/(\d+)/, "Edge"],
  [/OPR\/(\d+)/, "Opera"],
  [/Firefox\/(\d+)/, "Firefox"],
  [/Chrome\/(\d+)/, "Chrome"],
  [/Version\/(\d+).*Safari/, "Safari"],
];
// The order matters: Android contains "Linux" too, and iOS contains "Mac OS X".
/** @type {[RegExp, string][]} */
const SYSTEMS = [
  [/Android/, "Android"],
  [/iPhone|iPad/, "iOS"],
  [/Windows/, "Windows"],
  [/Mac OS X/, "macOS"],
  [/Linux/, "Linux"],
];
// In characters.
const MAX_LENGTH = 80;

/**
 * Returns the browser, its major version and the operating system, such as "Firefox 128, Linux". If one of them is not
 * recognised, returns the start of the header; for null, returns "".
 * @param {string | null} userAgent
 */
export function describeUserAgent(userAgent) {
  if (!userAgent) {
    return "";
  }
  const browser = firstMatch(BROWSERS, userAgent);
  const system = firstMatch(SYSTEMS, userAgent);
  return browser && system ? `${browser}, ${system}` : userAgent.slice(0, MAX_LENGTH);
}

/**
 * Returns the name of the first pattern that matches, with the version if the pattern captures it; or "".
 * @param {[RegExp, string][]} table
 * @param {string} userAgent
 */
function firstMatch(table, userAgent) {
  for (const [pattern, name] of table) {
    const match = pattern.exec(userAgent);
    if (match) {
      return [name, match[1]].filter(Boolean).join(" ");
    }
  }
  return "";
}
