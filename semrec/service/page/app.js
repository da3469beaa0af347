// The page: reads input, sends queries, shows answers.

import { ApiError, call, items, latest, storeKey, storedKey } from "./api.js";
import { card, shortTitle } from "./cards.js";
import { byId, debounced, h, remember, remembered } from "./dom.js";
import { language, percent, setLanguage, t, translatePage } from "./i18n.js";
import { nameOf, showInterests, showProfile } from "./interests.js";
import { emphasise, loadMap, mapCatalog, redraw, showOnMap, translateMap } from "./map.js";
import { hasTaste, setSignals } from "./signals.js";
import {
  BALANCED, MAX_RESULTS, PAGE, addToHistory, change, isAsked, onChange, question, readAddress, removeFromHistory, state,
} from "./state.js";
import { forget, startWhyNot } from "./whynot.js";

const TYPING_PAUSE = 180; // milliseconds without typing before a query is sent
const DIAL_PAUSE = 120; // the same for the sliders
const PROGRESS_DELAY = 250; // milliseconds before the progress bar is shown
const START_CARDS = 6;

const results = byId("results");
let answer = null;
let profile = null; // of the stored user in the query
let ready = null;
let failed = null;
const titles = new Map(); // item id -> {item_id, title}

// -- asking ---------------------------------------------------------------------------------------------

const ask = latest(async (signal) => {
  if (!isAsked()) {
    answer = profile = failed = null;
    render();
    return;
  }
  const waiting = setTimeout(() => showWaiting(true), PROGRESS_DELAY);
  try {
    [answer, profile] = await Promise.all([call("recommend", { body: question(), signal }), loadProfile(signal)]);
    failed = null;
    for (const item of answer.recommendations) titles.set(item.item_id, item);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    failed = error;
    answer = null;
  } finally {
    clearTimeout(waiting);
    if (!signal.aborted) showWaiting(false);
  }
  render();
});

/** Return the profile of the stored user, or null. */
async function loadProfile(signal) {
  if (!state.user) return null;
  if (profile?.user_id === state.user) return profile;
  return call(`users/${encodeURIComponent(state.user)}?recent=0`, { signal });
}

function useProfile(changed) {
  profile = changed;
  ask();
}

const askSoon = debounced(ask, DIAL_PAUSE);
const typed = debounced(() => change({ text: byId("text").value }), TYPING_PAUSE);

function showWaiting(waits) {
  byId("progress").hidden = !waits;
  results.setAttribute("aria-busy", String(waits));
  if (waits && !answer) {
    byId("status").textContent = t("searching");
    results.replaceChildren(...Array.from({ length: 3 }, () => h("div", { class: "card ghost", "aria-hidden": "true" })));
  }
}

// -- showing --------------------------------------------------------------------------------------------

function render() {
  const focus = focusedCard();
  showHistory();
  showDials();
  showNotices();
  byId("results-title").classList.toggle("visually-hidden", !answer);
  if (failed) showFailure();
  else if (!answer) showStart();
  else showAnswer();
  byId("more").hidden = !answer || answer.recommendations.length < state.k || state.k >= MAX_RESULTS;
  restoreFocus(focus);
  if (answer && profile) showProfile(profile, useProfile, errorNotice);
  else showInterests(answer?.interests ?? [], titles);
  showOnMap(markers());
}

function showAnswer() {
  const found = answer.recommendations;
  results.replaceChildren(...found.map((entry, place) => card(entry, place + 1, {
    use: (item) => addToHistory(item),
    dislike: (item) => addToHistory(item, "dislike"),
    text: state.text,
  })));
  byId("status").textContent = found.length ? t("found", { n: found.length }) : "";
  if (!found.length) {
    const key = state.where ? "found.none.where" : "found.none";
    results.replaceChildren(h("p", { class: "empty" }, t(key, { value: state.where?.value })));
  }
}

function showStart() {
  byId("status").textContent = "";
  const starts = startItems();
  results.replaceChildren(
    h("div", { class: "empty" },
      h("h3", {}, t("start.title")),
      h("p", {}, starts.length ? t("start.how") : t("start.none"))),
    h("div", { class: "starts" }, starts.map((item) => {
      const { lead, rest } = { lead: shortTitle(item), rest: item.title.slice(shortTitle(item).length).replace(/^: /, "") };
      return h("button", { type: "button", class: "start", onclick: () => addToHistory(item), "aria-label": t("use.title", { title: item.title }) },
        h("strong", {}, lead), rest && h("span", {}, rest), item.group && h("span", { class: "quiet small" }, item.group));
    })),
  );
}

/** Return some items to start with, one of each of the largest groups. */
function startItems() {
  const catalog = mapCatalog();
  if (!catalog) return [];
  const chosen = [];
  const groups = catalog.groups.length ? catalog.groups.map((_, group) => group) : Array(START_CARDS).fill(-1);
  let from = 0;
  for (const group of groups.slice(0, START_CARDS)) {
    const place = catalog.group.indexOf(group, catalog.groups.length ? 0 : from);
    if (place < 0) continue;
    from = place + 1;
    chosen.push({ item_id: catalog.item_ids[place], title: catalog.titles[place], group: catalog.groups[group] });
  }
  return chosen;
}

function showFailure() {
  byId("status").textContent = "";
  results.replaceChildren(failed.status === 401 || failed.status === 403 ? keyForm() : errorNotice(failed, ask));
}

/** Return a notice for an error, with a button to try again. */
function errorNotice(error, again) {
  const key = {
    unreachable: "unreachable", too_many_requests: "too_many_requests", timeout: "timeout", too_slow: "timeout",
    nothing_indexed: "nothing_indexed", internal: "internal", unknown_item: "unknown",
  }[error.code] ?? (error.status >= 500 ? "unavailable" : "other");
  const detail = key === "unavailable" && error.message;
  return h("div", { class: "notice bad", role: "alert" },
    h("p", {}, t(`error.${key}`, { message: error.message })),
    detail && h("p", { class: "quiet small" }, detail),
    again && h("button", { type: "button", class: "secondary", onclick: again }, t("retry")));
}

function keyForm() {
  const field = h("input", { id: "key", type: "password", autocomplete: "off", required: true });
  return h("form", {
    class: "notice",
    onsubmit: (event) => {
      event.preventDefault();
      storeKey(field.value.trim());
      begin();
    },
  },
  h("h3", {}, t("key")),
  storedKey() && h("p", { role: "alert" }, t("key.wrong")),
  h("label", { for: "key" }, t("key.label")),
  h("span", { class: "row" }, field, h("button", { type: "submit", class: "main" }, t("key.enter"))),
  h("p", { class: "quiet small" }, t("key.why")));
}

function showNotices() {
  const notices = [];
  const unknown = answer?.unknown_items ?? [];
  if (unknown.length) notices.push(t("unknown.items", { n: unknown.length, items: unknown.slice(0, 5).join(", ") }));
  notices.push(...(answer?.notes ?? []));
  byId("notices").replaceChildren(...notices.map((notice) => h("p", { class: "notice" }, notice)));
}

function showHistory() {
  const chips = state.history.map((entry) => {
    const unknown = answer?.unknown_items.includes(entry.item_id);
    const name = shortTitle(titles.get(entry.item_id) ?? entry);
    const key = unknown ? "history.unknown" : entry.kind === "dislike" ? "history.disliked" : null;
    return chip(key ? t(key, { title: name }) : name, `${entry.kind} ${unknown ? "unknown" : ""}`,
      t("history.remove", { title: name }), () => removeFromHistory(entry.item_id), entry.item_id);
  });
  if (state.user) chips.unshift(chip(t("user.chip", { user: state.user }), "user", t("user.remove", { user: state.user }), () => change({ user: "" })));
  if (state.where) chips.push(chip(t("only", { value: state.where.value }), "filter", t("only.remove", { value: state.where.value }), () => change({ where: null })));
  const list = byId("history");
  const focused = [...list.children].findIndex((child) => child.contains(document.activeElement));
  list.replaceChildren(...(chips.length ? chips : [h("li", { class: "quiet none" }, t("history.empty"))]));
  if (focused >= 0) {
    const next = list.children[Math.min(focused, list.children.length - 1)]?.querySelector("button");
    (next ?? byId("text")).focus();
  }
  byId("clear").hidden = state.history.length < 2;
}

function chip(name, kind, label, remove, itemId) {
  return h("li", {
    class: `chip ${kind}`,
    onpointerenter: () => itemId && emphasise(itemId),
    onpointerleave: () => emphasise(null),
  }, h("span", { title: name }, name), h("button", { type: "button", "aria-label": label, title: label, onclick: remove }, "×"));
}

function showDials() {
  const learned = !ready || hasTaste();
  const balance = byId("balance");
  balance.disabled = !learned;
  balance.value = state.balance;
  const label = !learned ? t("balance.none") : state.balance === BALANCED ? t("balance.learned")
    : t("balance.says", { text: percent(1 - state.balance / 100), taste: percent(state.balance / 100) });
  byId("balance-says").textContent = label;
  balance.setAttribute("aria-valuetext", label);
  byId("diversity").value = state.diversity;
  byId("diversity-says").textContent = percent(state.diversity / 100);
  byId("diversity").setAttribute("aria-valuetext", percent(state.diversity / 100));
  byId("user").value = state.user;
}

/** Return the markers of the map: recommendations first, then the history and its interests. */
function markers() {
  const found = (answer?.recommendations ?? []).map((item, place) => ({ ...item, kind: "result", place: place + 1 }));
  const history = state.history.map((entry) => ({
    ...(titles.get(entry.item_id) ?? entry), kind: entry.kind === "dislike" ? "disliked" : "history",
  }));
  const interests = profile
    ? profile.interests.filter(({ weight }) => weight > 0).map((interest) => ({ ...interest, title: interest.titles[0], kind: "interest" }))
    : (answer?.interests ?? []).filter((interest) => interest.item_ids.length > 1)
      .map((interest) => ({ item_id: interest.item_ids[0], title: nameOf(interest, titles), kind: "interest" }));
  return [...found, ...history, ...interests];
}

// -- focus ----------------------------------------------------------------------------------------------

/** Return the place of the card with the focus, so that the next list can restore it. */
function focusedCard() {
  const cards = [...results.children];
  const place = cards.findIndex((child) => child.contains(document.activeElement));
  return place < 0 ? null : { place };
}

function restoreFocus(focus) {
  if (!focus) return;
  const cards = results.querySelectorAll(".card .main");
  (cards[Math.min(focus.place, cards.length - 1)] ?? byId("results-title")).focus();
}

function moveAmongCards(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) return;
  const buttons = [...results.querySelectorAll(".card .main")];
  const here = buttons.findIndex((button) => button.closest(".card").contains(document.activeElement));
  if (here < 0) return;
  event.preventDefault();
  (here + step < 0 ? byId("text") : buttons[Math.min(here + step, buttons.length - 1)]).focus();
}

// -- start ---------------------------------------------------------------------------------------------

function listen() {
  byId("search").addEventListener("submit", (event) => {
    event.preventDefault();
    change({ text: byId("text").value });
  });
  byId("text").addEventListener("input", typed);
  byId("text").addEventListener("keydown", (event) => {
    if (event.key === "Escape" && byId("text").value) {
      event.preventDefault();
      byId("text").value = "";
      change({ text: "" });
    } else if (event.key === "ArrowDown") {
      event.preventDefault();
      results.querySelector(".card .main, .start")?.focus();
    }
  });
  results.addEventListener("keydown", moveAmongCards);
  for (const [kind, strong] of [["pointerover", true], ["pointerleave", false], ["focusin", true], ["focusout", false]]) {
    results.addEventListener(kind, (event) => emphasise(strong ? event.target.closest?.(".card")?.dataset.item ?? null : null));
  }
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !event.target.closest("input, textarea, select") && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      byId("text").focus();
    }
  });
  byId("clear").addEventListener("click", () => {
    change({ history: [] });
    byId("text").focus();
  });
  byId("balance").addEventListener("input", () => change({ balance: Number(byId("balance").value) }));
  byId("diversity").addEventListener("input", () => change({ diversity: Number(byId("diversity").value) }));
  byId("user-form").addEventListener("submit", (event) => {
    event.preventDefault();
    change({ user: byId("user").value.trim() });
  });
  byId("more").addEventListener("click", () => change({ k: Math.min(MAX_RESULTS, state.k + PAGE) }));
  onChange((changed) => {
    showHistory();
    showDials();
    forget();
    if (changed.includes("where")) redraw();
    if (changed.some((name) => name === "balance" || name === "diversity")) askSoon();
    else ask();
  });
}

function startSwitches() {
  const languages = byId("language");
  languages.value = language;
  languages.addEventListener("change", () => {
    setLanguage(languages.value);
    showCatalog();
    translateMap();
    forget();
    render();
  });
  const theme = byId("theme");
  theme.value = document.documentElement.dataset.theme ?? "auto";
  theme.addEventListener("change", () => {
    remember("theme", theme.value);
    if (theme.value === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme.value;
    redraw();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
}

function showCatalog() {
  byId("catalog").textContent = ready ? t("catalog.size", { n: ready.items }) : "";
}

/** Wait until the service is ready, load the map, and send the query in the address. */
async function begin() {
  failed = null;
  try {
    ready = await call("ready");
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    ready = null;
    if (error.code === "warming_up") {
      byId("status").textContent = t("searching");
      setTimeout(begin, 700);
      return;
    }
    failed = error;
    render();
    return;
  }
  setSignals(ready.signals);
  showCatalog();
  showDials();
  try {
    await Promise.all([loadMap({ use: (item) => addToHistory(item), whyNot }).then(rememberTitles), loadTitles()]);
    await ask();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    failed = error;
    render();
  }
}

function rememberTitles(catalog) {
  catalog?.item_ids.forEach((item_id, place) => {
    if (!titles.has(item_id)) titles.set(item_id, { item_id, title: catalog.titles[place] });
  });
}

/** Load the titles of the items in the address. */
async function loadTitles() {
  const ids = state.history.map(({ item_id }) => item_id).slice(0, 100);
  if (!ids.length) return;
  try {
    for (const item of (await items(ids)).items) titles.set(item.item_id, item);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error; // the ids are shown instead
  }
}

const whyNot = startWhyNot(errorNotice, (itemId) => shortTitle(titles.get(itemId) ?? { item_id: itemId, title: itemId }));
readAddress();
translatePage();
startSwitches();
listen();
byId("text").value = state.text;
if (state.balance !== BALANCED || state.diversity || state.user) byId("tune").open = true;
if (remembered("tune") === "open") byId("tune").open = true;
byId("tune").addEventListener("toggle", () => remember("tune", byId("tune").open ? "open" : "closed"));
render();
begin();
