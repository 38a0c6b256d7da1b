/** Which page the hash of the address names, and going from one to another. */

/**
 * @typedef {object} Page
 * @property {string} title also the heading
 * @property {Node[]} content
 * @property {boolean} [narrow] whether it is little more than a form
 * @property {Node | null} [tabs] stands above the heading
 *
 * @typedef {object} Place
 * @property {string} path
 * @property {Record<string, string>} parameters of the path
 * @property {URLSearchParams} query
 *
 * @typedef {object} Route
 * @property {string} path with `:name` for a parameter
 * @property {(place: Place) => Page | Promise<Page>} load
 * @property {"anybody" | "nobody" | "user" | "admin"} for who may see it; `nobody` is who is not signed in
 * @property {boolean} [duringSetup] whether it is there for those who must activate 2FA first
 * @property {() => void} [leave] forgets what must not outlive the page
 */

/** @type {() => void} */
let render = () => {};

/** @param {() => void} whenMoved */
export function startRouter(whenMoved) {
  render = whenMoved;
  window.addEventListener("hashchange", whenMoved);
}

/** Draws the present page anew. */
export function refresh() {
  render();
}

/** Goes to a page; to the present one, it is drawn anew. @param {string} path @param {{ replace?: boolean }} [options] */
export function go(path, { replace = false } = {}) {
  const hash = `#${path}`;
  if (location.hash === hash) {
    render();
  } else if (replace) {
    location.replace(hash);
  } else {
    location.hash = hash;
  }
}

/** @returns {Place} */
export function currentPlace() {
  const [path, query = ""] = location.hash.replace(/^#/, "").split("?");
  return { path: path || "/", parameters: {}, query: new URLSearchParams(query) };
}

/**
 * The route of a place, and the place with the parameters of its path.
 * @param {Route[]} routes
 * @param {Place} place
 * @returns {{ route: Route, place: Place } | null}
 */
export function match(routes, place) {
  const parts = place.path.split("/");
  for (const route of routes) {
    const names = route.path.split("/");
    const fits =
      names.length === parts.length && names.every((name, index) => name.startsWith(":") || name === parts[index]);
    if (fits) {
      const pairs = names.flatMap((name, index) =>
        name.startsWith(":") ? [[name.slice(1), decodeURIComponent(parts[index])]] : [],
      );
      return { route, place: { ...place, parameters: Object.fromEntries(pairs) } };
    }
  }
  return null;
}
