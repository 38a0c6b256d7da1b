/** Client-side router. The hash of the URL is the path of the page, with an optional query string. */

/**
 * @typedef {object} Page
 * @property {string} title also the text of the heading
 * @property {Node[]} content
 * @property {boolean} [narrow] true for a page with little more than a form
 * @property {Node | null} [tabs] above the heading
 *
 * @typedef {{ redirectTo: string, note?: string }} Redirect to the path of another page, with a note for the user
 *
 * @typedef {object} RouteLocation
 * @property {string} path
 * @property {Record<string, string>} parameters of the path
 * @property {URLSearchParams} query
 *
 * @typedef {object} Route
 * @property {string} path with `:name` for a parameter
 * @property {(location: RouteLocation) => Page | Redirect | Promise<Page | Redirect>} load a redirect if the state of the user rules the page out
 * @property {"public" | "anonymous" | "user" | "admin"} access `public`: all; `anonymous`: only without a session
 * @property {boolean} [allowedDuringSetup] true if users who must activate 2FA first may open it
 * @property {() => void} [onLeave] deletes data that must not be kept after the user leaves the page
 * @property {() => string | null} [leaveWarning] what the user would lose by leaving the page now, or null
 */

/** @type {() => void} */
let render = () => {};

/**
 * Calls `onNavigate` whenever the hash changes and the user may leave the page, and when `refresh` is called.
 * @param {() => void} onNavigate
 * @param {() => boolean} mayLeave asks the user if necessary
 */
export function startRouter(onNavigate, mayLeave) {
  render = onNavigate;
  window.addEventListener("hashchange", (event) => {
    if (mayLeave()) {
      onNavigate();
    } else {
      // The browser has changed the URL already. The page stays.
      history.replaceState(null, "", event.oldURL);
    }
  });
}

/** Loads and renders the current page again. */
export function refresh() {
  render();
}

/**
 * Opens a page. If it is the current one, renders it again.
 * @param {string} path
 * @param {{ replace?: boolean }} [options] `replace`: replace the current entry of the browser history
 */
export function navigate(path, { replace = false } = {}) {
  const hash = `#${path}`;
  if (location.hash === hash) {
    render();
  } else if (replace) {
    location.replace(hash);
  } else {
    location.hash = hash;
  }
}

/** Parses the hash of the URL. `parameters` is empty: `matchRoute` fills it. @returns {RouteLocation} */
export function currentLocation() {
  const [path, query = ""] = location.hash.replace(/^#/, "").split("?");
  return { path: path || "/", parameters: {}, query: new URLSearchParams(query) };
}

/**
 * Returns the first route that matches the path, and the location with the parameters of the path; or null.
 * @param {Route[]} routes
 * @param {RouteLocation} location
 * @returns {{ route: Route, location: RouteLocation } | null}
 */
export function matchRoute(routes, location) {
  const parts = location.path.split("/");
  for (const route of routes) {
    const names = route.path.split("/");
    const isMatch =
      names.length === parts.length && names.every((name, index) => name.startsWith(":") || name === parts[index]);
    if (isMatch) {
      const pairs = names.flatMap((name, index) =>
        name.startsWith(":") ? [[name.slice(1), decode(parts[index])]] : [],
      );
      return { route, location: { ...location, parameters: Object.fromEntries(pairs) } };
    }
  }
  return null;
}

/** Decodes a part of a path. A `%` that encodes nothing stays as it is. @param {string} part */
function decode(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
