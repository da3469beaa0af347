// The interests of a history; for a stored user also their weights, with controls to change them.

import { ApiError, call } from "./api.js";
import { shortTitle } from "./cards.js";
import { byId, h } from "./dom.js";
import { number, percent, t } from "./i18n.js";

const MAX_WEIGHT = 3;

/** Show the interests of a history; `titles` maps item ids to items. */
export function showInterests(interests, titles) {
  show(t("interests"), interests.map((interest) => entry(nameOf(interest, titles), interest)));
}

/** Show the profile of a stored user; `changed(profile)` is called after a change of weights. */
export function showProfile(profile, changed, errorNotice) {
  const heading = t("interests.user", { user: profile.user_id });
  const rows = profile.interests.map((interest) => {
    const name = interest.titles.map((title, place) => shortTitle({ item_id: interest.item_ids[place], title })).join(" · ");
    return entry(name, interest, weightControls(name, interest, async (weight) => {
      try {
        changed(await call(`users/${encodeURIComponent(profile.user_id)}/interests`, {
          method: "PATCH", body: { weights: { [interest.item_id]: weight } },
        }));
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        byId("interests").append(h("li", {}, errorNotice(error)));
      }
    }));
  });
  show(heading, rows.length ? rows : [h("li", { class: "quiet" }, t("interests.none"))]);
}

function show(heading, rows) {
  const list = byId("interests");
  const focused = document.activeElement?.dataset?.focus;
  byId("interests-panel").hidden = rows.length === 0;
  byId("interests-title").textContent = heading;
  list.replaceChildren(...rows);
  if (focused) list.querySelector(`[data-focus="${CSS.escape(focused)}"]`)?.focus();
}

function entry(name, interest, controls) {
  const fill = h("span", { class: "fill" });
  fill.style.width = `${100 * interest.share}%`;
  return h("li", { class: interest.weight === 0 ? "muted" : null },
    h("span", { class: "name", title: name }, name),
    h("span", { class: "quiet" }, t("interest.items", { share: percent(interest.share), n: interest.item_ids.length })),
    h("span", { class: "bar", "aria-hidden": "true" }, fill),
    controls,
  );
}

function weightControls(name, interest, set) {
  const muted = interest.weight === 0;
  const dial = h("input", {
    type: "range", min: 0, max: MAX_WEIGHT, step: 0.5, data: { focus: `weight ${interest.item_id}` },
    "aria-label": t("interest.weight", { name }), onchange: () => set(Number(dial.value)),
  });
  dial.value = String(Math.min(MAX_WEIGHT, interest.weight));
  return h("span", { class: "row" },
    dial,
    h("span", { class: "quiet weight" }, `× ${number(interest.weight)}`),
    h("button", {
      type: "button", class: "plain", data: { focus: `mute ${interest.item_id}` },
      "aria-label": t(muted ? "interest.unmute.title" : "interest.mute.title", { name }),
      onclick: () => set(muted ? 1 : 0),
    }, t(muted ? "interest.unmute" : "interest.mute")));
}

/** Return the name of an interest: the short titles of its two most central items. */
export function nameOf(interest, titles) {
  const central = interest.item_ids.slice(0, 2).map((id) => titles.get(id));
  return central.every(Boolean) ? central.map(shortTitle).join(" · ") : interest.name;
}
