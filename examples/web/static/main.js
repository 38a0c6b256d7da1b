/** Entry point: renders the current page and the layout around it, and checks who may open which page. */

import { h } from "./dom.js";
import { HEADING_ID } from "./forms.js";
import { ApiError, apiErrorText, asApiError, send } from "./graphql.js";
import { LANGUAGE_NAMES, currentLanguage, setLanguage, t } from "./i18n.js";
import { clearOldNotification, notify } from "./notifications.js";
import { LOGOUT } from "./operations.js";
import { withProgress } from "./progress.js";
import { ACTIVATION_PATH, HOME_PATH, LOGIN_PATH, redirectOnError, redirectToLogin } from "./redirects.js";
import { currentLocation, matchRoute, navigate, refresh, startRouter } from "./router.js";
import { ROUTES } from "./routes.js";
import { setUpBanner } from "./set-up-banner.js";
import { clearSession, loadViewer, state } from "./state.js";

const COLOURS_KEY = "colours";

const main = /** @type {HTMLElement} */ (document.getElementById("main"));
const header = /** @type {HTMLElement} */ (document.getElementById("header"));
const footer = /** @type {HTMLElement} */ (document.getElementById("footer"));
// The image that the page was sent with, so that the browser neither loads it again nor lets it flicker.
const logo = /** @type {HTMLElement} */ (document.getElementById("logo"));
const skipLink = /** @type {HTMLElement} */ (document.getElementById("skip-link"));

/** @type {import("./router.js").Route | null} */
let currentRoute = null;
let renderCount = 0;

/** Renders the page of the current URL, or redirects if the visitor may not open it. */
async function render() {
  // Until the new page is there, what is on the screen belongs to the page that the user has left.
  main.setAttribute("aria-busy", "true");
  const found = matchRoute(ROUTES, currentLocation());
  if (currentRoute !== found?.route) {
    currentRoute?.onLeave?.();
  }
  if (!found) {
    navigate(state.viewer ? HOME_PATH : LOGIN_PATH, { replace: true });
    return;
  }
  const { route, location } = found;
  const redirect = redirectForAccess(route);
  if (redirect) {
    redirect();
    return;
  }
  renderCount += 1;
  const renderNumber = renderCount;
  const isFirst = currentRoute === null;
  currentRoute = route;
  clearOldNotification();
  // Skip this page, and its error, if the user opened another one while it was loading.
  const page = await loadPage(route, location, () => renderNumber !== renderCount);
  if (page === null) {
    return;
  }
  if ("redirectTo" in page) {
    if (page.note) {
      notify(page.note, "error");
    }
    navigate(page.redirectTo, { replace: true });
  } else {
    showPage(page, isFirst);
  }
}

/**
 * Loads a page, or the page of the error that occurred. Returns null if the error redirects, or if nobody needs the page.
 * @param {import("./router.js").Route} route
 * @param {import("./router.js").RouteLocation} location
 * @param {() => boolean} isOutdated
 */
async function loadPage(route, location, isOutdated) {
  try {
    const page = await route.load(location);
    return isOutdated() ? null : page;
  } catch (error) {
    if (isOutdated()) {
      return null;
    }
    const apiError = asApiError(error);
    return redirectOnError(apiError) ? null : errorPage(apiError);
  }
}

/**
 * Returns a function that redirects, or null if the visitor may open the route. The server enforces permissions; this
 * check only avoids requests that the server would reject.
 * @param {import("./router.js").Route} route
 */
function redirectForAccess(route) {
  const { viewer } = state;
  if (!viewer) {
    return route.access === "public" || route.access === "anonymous" ? null : redirectToLogin;
  }
  if (viewer.twoFactor.setupRequired && route.access !== "public" && !route.allowedDuringSetup) {
    return () => navigate(ACTIVATION_PATH, { replace: true });
  }
  const isForbidden = route.access === "anonymous" || (route.access === "admin" && viewer.role !== "ADMIN");
  return isForbidden ? () => navigate(HOME_PATH, { replace: true }) : null;
}

/** Returns what the user would lose by leaving the current page, or null. A session that has ended leaves nothing to lose. */
function leaveWarning() {
  return (state.viewer && currentRoute?.leaveWarning?.()) ?? null;
}

/** Returns whether the user may leave the current page. Asks the user if they would lose something. */
function mayLeave() {
  const warning = leaveWarning();
  return warning === null || window.confirm(warning);
}

/** @param {ApiError} error @param {() => void} [retry] @returns {import("./router.js").Page} */
function errorPage(error, retry = refresh) {
  return {
    title: t("error.title"),
    narrow: true,
    content: [
      h("p", { role: "alert" }, apiErrorText(error)),
      h("button", { type: "button", class: "primary", onclick: retry }, t("error.retry")),
    ],
  };
}

/**
 * @param {import("./router.js").Page} page
 * @param {boolean} isFirst true for the first page after the site was loaded
 */
function showPage(page, isFirst) {
  const heading = h("h1", { id: HEADING_ID, tabindex: -1 }, page.title);
  main.className = page.narrow ? "narrow" : "";
  const aboveHeading = [setUpBanner(), page.tabs].filter((element) => element instanceof Node);
  main.replaceChildren(...aboveHeading, heading, ...page.content);
  document.title = `${page.title} – ${state.config.productName}`;
  main.removeAttribute("aria-busy");
  renderLayout();
  if (!isFirst) {
    window.scrollTo(0, 0);
  }
  /** @type {HTMLElement | null} */
  const field = main.querySelector("[data-focus]");
  if (field) {
    field.focus({ preventScroll: true });
  } else if (!isFirst) {
    // Screen readers continue here, and the next Tab goes to the content of the page (WCAG 2.2, 2.4.3).
    heading.focus();
  }
}

function renderLayout() {
  skipLink.replaceChildren(t("layout.skip"));
  const { viewer, config } = state;
  const brand = h("a", { class: "brand", href: "#/" }, logo, config.productName);
  header.replaceChildren(brand, ...(viewer ? [navigation(viewer)] : []));
  footer.replaceChildren(
    h("label", {}, t("layout.language"), select(Object.entries(LANGUAGE_NAMES), currentLanguage(), changeLanguage)),
    h("label", {}, t("layout.colours"), select(colourOptions(), currentColours(), setColours)),
    h(
      "nav",
      { class: "links", "aria-label": t("layout.demo") },
      h("a", { href: "#/mailbox" }, t("mailbox.title")),
      config.helpUrl && h("a", { href: config.helpUrl, target: "_blank", rel: "noreferrer" }, t("help.link")),
      config.graphiql && h("a", { href: "/graphql" }, "GraphiQL"),
    ),
  );
}

/** @param {import("./operations.js").Viewer} viewer */
function navigation(viewer) {
  const isAdmin = viewer.role === "ADMIN" && !viewer.twoFactor.setupRequired;
  const links = isAdmin
    ? [
        ["/users", t("users.title")],
        ["/events", t("events.title")],
        ["/policy", t("policy.title")],
      ]
    : [];
  const currentPath = currentLocation().path;
  return h(
    "nav",
    { "aria-label": t("layout.navigation") },
    h(
      "ul",
      {},
      [...links, ["/account", viewer.name]].map(([path, text]) =>
        h("li", {}, h("a", { href: `#${path}`, "aria-current": currentPath.startsWith(path) ? "page" : null }, text)),
      ),
      h("li", {}, h("button", { type: "button", class: "link", onclick: logOut }, t("logout"))),
    ),
  );
}

async function logOut() {
  if (!mayLeave()) {
    return;
  }
  try {
    await send(LOGOUT, {});
  } catch (error) {
    if (error instanceof ApiError && redirectOnError(error)) {
      return;
    }
    // Stay logged in and show the error. A user must not be shown as logged out while the session still exists.
    notify(apiErrorText(asApiError(error)), "error");
    return;
  }
  clearSession();
  notify(t("logout.done"));
  // If another request has noticed the end of the session, the login page is there, and the user may be filling it.
  if (currentLocation().path !== LOGIN_PATH) {
    navigate(LOGIN_PATH);
  }
}

/**
 * @param {[string, string][]} options value and text
 * @param {string} selected
 * @param {(value: string) => void} onChange
 */
function select(options, selected, onChange) {
  const element = h(
    "select",
    { onchange: () => onChange(element.value) },
    options.map(([value, text]) => h("option", { value, selected: value === selected }, text)),
  );
  return element;
}

/** @returns {[string, string][]} */
function colourOptions() {
  return [
    ["", t("colours.system")],
    ["light", t("colours.light")],
    ["dark", t("colours.dark")],
  ];
}

function currentColours() {
  return document.documentElement.dataset.colours ?? "";
}

/**
 * Sets the colour scheme and stores the choice.
 * @param {string} scheme `light`, `dark`, or "" for the scheme of the system
 */
function setColours(scheme) {
  localStorage.setItem(COLOURS_KEY, scheme);
  if (scheme) {
    document.documentElement.dataset.colours = scheme;
  } else {
    delete document.documentElement.dataset.colours;
  }
}

/** @param {string} language */
function changeLanguage(language) {
  setLanguage(language);
  refresh();
}

async function loadConfig() {
  state.config = await (await withProgress(fetch("/web/config.json"))).json();
}

async function start() {
  setColours(localStorage.getItem(COLOURS_KEY) ?? "");
  skipLink.addEventListener("click", (event) => {
    // The hash `#main` of the link is not the path of a page.
    event.preventDefault();
    main.focus();
  });
  startRouter(render, mayLeave);
  // A reload, a closed tab and another site. The browser shows a text of its own.
  window.addEventListener("beforeunload", (event) => {
    if (leaveWarning() !== null) {
      event.preventDefault();
    }
  });
  try {
    await Promise.all([loadConfig(), loadViewer()]);
  } catch (error) {
    const apiError = error instanceof ApiError ? error : new ApiError("UNREACHABLE");
    if (apiError.code !== "UNAUTHENTICATED") {
      showPage(errorPage(apiError, () => location.reload()), true);
      return;
    }
    clearSession();
    notify(t("session.ended"), "error");
  }
  await render();
}

start();
