/** Starts the pages: the frame around them, who may see which, and what to do when a session is over. */

import { ACTIVATION, HOME, askToSignIn, handled } from "./detours.js";
import { h } from "./dom.js";
import { ApiError, errorText, send } from "./graphql.js";
import { LANGUAGE_NAMES, chooseLanguage, currentLanguage, t } from "./i18n.js";
import { notify, settleNotices } from "./notices.js";
import { LOGOUT } from "./operations.js";
import { ROUTES } from "./pages.js";
import { currentPlace, go, match, refresh, startRouter } from "./router.js";
import { loadViewer, signedOut, state } from "./state.js";

const COLOURS_KEY = "colours";

// One for all pages, so that it neither flickers nor is asked for again.
const MARK = h("img", { src: "/web/mark.svg", alt: "" });

const main = /** @type {HTMLElement} */ (document.getElementById("main"));
const bar = /** @type {HTMLElement} */ (document.getElementById("bar"));
const foot = /** @type {HTMLElement} */ (document.getElementById("foot"));
const skip = /** @type {HTMLElement} */ (document.getElementById("skip"));

/** @type {import("./router.js").Route | null} */
let shown = null;
let drawing = 0;

async function draw() {
  const found = match(ROUTES, currentPlace());
  if (!found) {
    go(state.viewer ? HOME : "/login", { replace: true });
    return;
  }
  const { route, place } = found;
  if (shown && shown !== route) {
    shown.leave?.();
  }
  const elsewhere = insteadOf(route);
  if (elsewhere) {
    elsewhere();
    return;
  }
  drawing += 1;
  const mine = drawing;
  const isFirst = shown === null;
  shown = route;
  settleNotices();
  let page;
  try {
    page = await route.load(place);
  } catch (error) {
    if (!(error instanceof ApiError)) {
      throw error;
    }
    if (handled(error)) {
      return;
    }
    page = failure(error);
  }
  // Somebody who clicks faster than we answer is further on by now.
  if (mine === drawing) {
    put(page, isFirst);
  }
}

/**
 * Where to go instead, where a route is not for whoever is here.
 * @param {import("./router.js").Route} route
 */
function insteadOf(route) {
  const { viewer } = state;
  if (!viewer) {
    return route.for === "anybody" || route.for === "nobody" ? null : askToSignIn;
  }
  if (viewer.twoFactor.setupRequired && route.for !== "anybody" && !route.duringSetup) {
    return () => go(ACTIVATION, { replace: true });
  }
  const isWrong = route.for === "nobody" || (route.for === "admin" && viewer.role !== "ADMIN");
  return isWrong ? () => go(HOME, { replace: true }) : null;
}

/** @param {ApiError} error @param {() => void} [again] @returns {import("./router.js").Page} */
function failure(error, again = refresh) {
  return {
    title: t("error.title"),
    narrow: true,
    content: [
      h("p", { role: "alert" }, errorText(error)),
      h("button", { type: "button", class: "main", onclick: again }, t("error.again")),
    ],
  };
}

/** @param {import("./router.js").Page} page @param {boolean} isFirst */
function put(page, isFirst) {
  const heading = h("h1", { tabindex: -1 }, page.title);
  main.className = page.narrow ? "narrow" : "";
  main.replaceChildren(...(page.tabs ? [page.tabs] : []), heading, ...page.content);
  document.title = `${page.title} – ${state.config.productName}`;
  drawFrame();
  if (!isFirst) {
    // So that screen readers begin to read here, and the next Tab leads into the page (WCAG 2.2, 2.4.3).
    heading.focus();
    window.scrollTo(0, 0);
  }
}

function drawFrame() {
  skip.replaceChildren(t("frame.skip"));
  const { viewer, config } = state;
  const brand = h("a", { class: "brand", href: "#/" }, MARK, config.productName);
  bar.replaceChildren(brand, ...(viewer ? [navigation(viewer)] : []));
  foot.replaceChildren(
    h("label", {}, t("frame.language"), choice(Object.entries(LANGUAGE_NAMES), currentLanguage(), changeLanguage)),
    h("label", {}, t("frame.colours"), choice(colours(), document.documentElement.dataset.colours ?? "", paint)),
    h(
      "nav",
      { class: "links", "aria-label": t("frame.demo") },
      h("a", { href: "#/mailbox" }, t("mailbox.title")),
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
  const here = currentPlace().path;
  return h(
    "nav",
    { "aria-label": t("frame.navigation") },
    h(
      "ul",
      {},
      [...links, ["/account", viewer.name]].map(([path, words]) =>
        h("li", {}, h("a", { href: `#${path}`, "aria-current": here.startsWith(path) ? "page" : null }, words)),
      ),
      h("li", {}, h("button", { type: "button", class: "link", onclick: logOut }, t("logout"))),
    ),
  );
}

async function logOut() {
  try {
    await send(LOGOUT, {});
  } catch (error) {
    if (!(error instanceof ApiError)) {
      throw error;
    }
    // Who believes to be signed out and is not would be worse off than who tries again.
    notify(errorText(error), "bad");
    return;
  }
  signedOut();
  notify(t("logout.done"));
  go("/login");
}

/**
 * @param {[string, string][]} options
 * @param {string} chosen
 * @param {(value: string) => void} change
 */
function choice(options, chosen, change) {
  return h(
    "select",
    { onchange: (/** @type {any} */ event) => change(event.target.value) },
    options.map(([value, words]) => h("option", { value, selected: value === chosen }, words)),
  );
}

/** @returns {[string, string][]} */
function colours() {
  return [
    ["", t("colours.system")],
    ["light", t("colours.light")],
    ["dark", t("colours.dark")],
  ];
}

/** @param {string} scheme */
function paint(scheme) {
  localStorage.setItem(COLOURS_KEY, scheme);
  if (scheme) {
    document.documentElement.dataset.colours = scheme;
  } else {
    delete document.documentElement.dataset.colours;
  }
}

/** @param {string} language */
function changeLanguage(language) {
  chooseLanguage(language);
  refresh();
}

async function start() {
  paint(localStorage.getItem(COLOURS_KEY) ?? "");
  skip.addEventListener("click", (event) => {
    // Its hash names no page.
    event.preventDefault();
    main.focus();
  });
  startRouter(draw);
  try {
    state.config = await (await fetch("/web/config.json")).json();
    await loadViewer();
  } catch (error) {
    const reason = error instanceof ApiError ? error : new ApiError("UNREACHABLE");
    put(failure(reason, () => location.reload()), true);
    return;
  }
  await draw();
}

start();
