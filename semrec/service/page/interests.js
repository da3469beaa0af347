// What a history is about, and of a stored user how much each interest counts.

import { byId, h } from "./dom.js";
import { percent, t } from "./i18n.js";
import { shortTitle } from "./cards.js";
import { state } from "./state.js";

/** Show the interests of an answer; `titles` knows names by id. */
export function showInterests(interests, titles) {
  byId("interests-panel").hidden = interests.length === 0;
  byId("interests-title").textContent = state.user ? t("interests.user", { user: state.user }) : t("interests");
  byId("interests").replaceChildren(...interests.map((interest) => entry(interest, titles)));
}

function entry(interest, titles) {
  const bar = h("span", { class: "fill" });
  bar.style.width = `${100 * interest.share}%`;
  return h("li", {},
    h("span", { class: "name", title: interest.name }, nameOf(interest, titles)),
    h("span", { class: "quiet small" }, t("interest.items", { share: percent(interest.share), n: interest.item_ids.length })),
    h("span", { class: "bar", "aria-hidden": "true" }, bar),
  );
}

/** Return an interest's name: its two most central items, short. */
export function nameOf(interest, titles) {
  const central = interest.item_ids.slice(0, 2).map((id) => titles.get(id));
  return central.every(Boolean) ? central.map(shortTitle).join(" · ") : interest.name;
}
