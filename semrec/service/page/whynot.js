// Why an item is not among the recommendations.

import { ApiError, call, items } from "./api.js";
import { shortTitle, signalName } from "./cards.js";
import { byId, h } from "./dom.js";
import { number, t } from "./i18n.js";
import { isAsked, question } from "./state.js";

const answer = byId("whynot-answer");
const field = byId("whynot-item");
const MOST_CHOICES = 5;

/** Explain in words; `tellError` turns an error into an element. */
export function startWhyNot(tellError) {
  byId("whynot").addEventListener("submit", async (event) => {
    event.preventDefault();
    if (field.value.trim()) await guarded(() => find(field.value.trim()), tellError);
  });
  return (item) => {
    field.value = item.item_id;
    answer.scrollIntoView({ block: "nearest" });
    return guarded(() => explain(item), tellError);
  };
}

export const forget = () => answer.replaceChildren();

async function guarded(action, tellError) {
  try {
    answer.setAttribute("aria-busy", "true");
    await action();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    answer.replaceChildren(tellError(error));
  } finally {
    answer.removeAttribute("aria-busy");
  }
}

/** Explain the item of that id, or offer the items that read like it. */
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
  const like = await call("recommend", { body: { text: words, k: MOST_CHOICES, explain: false } });
  if (!like.recommendations.length) {
    answer.replaceChildren(h("p", {}, t("whynot.unknown")));
    return;
  }
  answer.replaceChildren(
    h("p", {}, t("whynot.which")),
    h("ul", { class: "choices" }, like.recommendations.map((item) =>
      h("li", {}, h("button", { type: "button", class: "quietly", onclick: () => explain(item) }, item.title || item.item_id)))),
  );
  answer.querySelector("button")?.focus();
}

async function explain(item) {
  answer.replaceChildren(h("p", {}, h("strong", {}, shortTitle(item))));
}
