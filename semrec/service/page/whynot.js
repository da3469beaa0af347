// Why an item is not among the recommendations.

import { ApiError, call, items } from "./api.js";
import { shortTitle } from "./cards.js";
import { byId, flat, h } from "./dom.js";
import { decimal, has, t } from "./i18n.js";
import { coloured, signalName } from "./signals.js";
import { isAsked, question, state } from "./state.js";

const answer = byId("whynot-answer");
const field = byId("whynot-item");
const MAX_CHOICES = 5;

let titleOf = (itemId) => itemId;
let noticeOf = () => "";

/** Start the form; `errorNotice` turns an error into an element, `shortTitleOf` an id into a short title. */
export function startWhyNot(errorNotice, shortTitleOf) {
  titleOf = shortTitleOf;
  noticeOf = errorNotice;
  byId("whynot").addEventListener("submit", async (event) => {
    event.preventDefault();
    if (field.value.trim()) await guarded(() => find(field.value.trim()));
  });
  return (item) => {
    field.value = item.item_id;
    return guarded(() => explain(item));
  };
}

export const forget = () => answer.replaceChildren();

async function guarded(action) {
  try {
    answer.setAttribute("aria-busy", "true");
    await action();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    answer.replaceChildren(noticeOf(error));
  } finally {
    answer.removeAttribute("aria-busy");
  }
}

/** Explain the item with this id, or offer items with a similar text. */
async function find(words) {
  if (!isAsked()) {
    answer.replaceChildren(h("p", {}, t("whynot.first")));
    return;
  }
  const named = words.length <= 512 ? await items([words]) : { items: [] };
  if (named.items.length) {
    await explain(named.items[0]);
    return;
  }
  const like = await call("recommend", { body: { text: words, k: MAX_CHOICES, explain: false } });
  if (!like.recommendations.length) {
    answer.replaceChildren(h("p", {}, t("whynot.unknown")));
    return;
  }
  answer.replaceChildren(
    h("p", {}, t("whynot.which")),
    h("ul", { class: "choices" }, like.recommendations.map((item) =>
      h("li", {}, h("button", { type: "button", class: "secondary", onclick: () => guarded(() => explain(item)) }, item.title || item.item_id)))),
  );
  answer.querySelector("button")?.focus();
}

async function explain(item) {
  const explanation = await call(`why-not/${encodeURIComponent(item.item_id)}`, { body: question() });
  const last = explanation.last && { ...explanation.last, title: titleOf(explanation.last.item_id) };
  answer.replaceChildren(...flat([
    h("p", {}, h("strong", {}, shortTitle(explanation.title ? explanation : item)), " ", verdict(explanation)),
    explanation.standing && comparison(explanation, last),
  ]));
  answer.scrollIntoView({ block: "nearest" });
}

/** Return the verdict in words. */
function verdict({ verdict: kind, standing, n_candidates: n, failed }) {
  if (kind === "filtered") {
    return state.where ? t("verdict.filtered", { value: state.where.value }) : failed.join("; ");
  }
  return t(has(`verdict.${kind}`) ? `verdict.${kind}` : "verdict.outranked", { rank: standing?.rank ?? 0, n });
}

/** Return a table: what each signal adds to the item, and to the last recommended item. */
function comparison({ standing, last, title, item_id }, named) {
  const others = last && last.item_id !== item_id ? [{ ...last, name: named.title }] : [];
  const columns = [{ ...standing, name: shortTitle({ item_id, title }) }, ...others];
  const signals = [...new Set(columns.flatMap((column) => Object.keys(column.signals)))];
  const points = (value) => decimal(value ?? 0);
  return h("div", { class: "scroller" }, h("table", { class: "figures" },
    h("caption", { class: "quiet" }, t(others.length ? "whynot.table" : "whynot.figures")),
    h("thead", {}, h("tr", {}, h("td", {}), columns.map(({ name }) => h("th", { scope: "col" }, name)))),
    h("tbody", {},
      signals.map((signal) => coloured(h("tr", {},
        h("th", { scope: "row" }, h("span", { class: "dot", "aria-hidden": "true" }), signalName(signal)),
        columns.map((column) => h("td", {}, points(column.signals[signal])))), signal)),
      h("tr", { class: "total" }, h("th", { scope: "row" }, t("whynot.score")), columns.map(({ score }) => h("td", {}, points(score)))))));
}
