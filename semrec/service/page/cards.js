// One recommendation as a card: title, reasons and buttons.

import { flat, h } from "./dom.js";
import { has, listed, parts, percent, t } from "./i18n.js";
import { highlighted, isLong, withoutTitle } from "./passages.js";
import { coloured, isFromEvents, signalName } from "./signals.js";

const SMALLEST_SHARE = 0.01;
const LARGE_SHARE = 0.25; // from which a signal without items as reasons gets a sentence
const MAX_VALUES = 5;

/**
 * Return a card.
 *
 * @param entry a recommendation, or an item without reasons.
 * @param actions {use, dislike, text}: what the buttons do, and the text of the query.
 */
export function card(entry, place, actions) {
  const { lead, rest } = splitTitle(entry);
  return h("article", { class: "card", data: { item: entry.item_id } },
    h("div", { class: "card-head" },
      place && h("span", { class: "place", "aria-hidden": "true" }, place),
      h("h3", { title: lead === entry.item_id ? null : entry.item_id }, lead, rest && h("span", { class: "rest" }, rest)),
      entry.n_variants > 0 && h("span", { class: "variants quiet small", title: entry.variants.join(", ") },
        t("variants", { n: entry.n_variants })),
    ),
    metadata(entry.metadata),
    entry.signals && why(entry),
    entry.passages && passage(entry, actions.text),
    h("div", { class: "actions" },
      h("button", { type: "button", class: "main", onclick: () => actions.use(entry), "aria-label": t("use.title", { title: lead }) },
        plus(), t("use")),
      actions.dislike && h("button", { type: "button", class: "plain", onclick: () => actions.dislike(entry),
        "aria-label": t("dislike.title", { title: lead }) }, t("dislike")),
      entry.signals && shares(entry.signals),
    ),
  );
}

/** Split a title of the form "id: description"; other titles have no rest. */
function splitTitle({ item_id, title }) {
  const whole = title || item_id;
  if (whole.startsWith(`${item_id}: `)) return { lead: item_id, rest: whole.slice(item_id.length + 2) };
  return { lead: whole, rest: "" };
}

export const shortTitle = (entry) => splitTitle(entry).lead;

function plus() {
  const icon = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", "M8 3v10M3 8h10");
  icon.setAttribute("viewBox", "0 0 16 16");
  icon.setAttribute("aria-hidden", "true");
  icon.append(path);
  return icon;
}

function metadata(fields) {
  const values = Object.entries(fields ?? {}).flatMap(([field, value]) =>
    (Array.isArray(value) ? value : [value]).map((one) => (typeof one === "string" ? one : `${field} ${one}`)));
  if (!values.length) return null;
  const more = values.length - MAX_VALUES;
  return h("ul", { class: "meta" },
    values.slice(0, MAX_VALUES).map((value) => h("li", {}, value)),
    more > 0 && h("li", { title: values.slice(MAX_VALUES).join(", ") }, `+${more}`),
  );
}

/** Return the reasons in words. */
function why(entry) {
  const because = (entry.because ?? []).filter(({ share }) => share >= SMALLEST_SHARE);
  const next = because.filter(({ relation }) => relation === "taken next after");
  const [together, alike] = [true, false].map((wanted) => because.filter((one) => !next.includes(one) && isFromEvents(one.signal) === wanted));
  const sentences = [
    next.length && parts("why.next", { items: named(next) }),
    together.length && parts("why.together", { items: named(together) }),
    alike.length && parts("why.alike", { items: named(alike) }),
    ...(because.length ? [] : impersonal(entry.signals)),
    entry.passages && entry.passages.history === null && t("why.text"),
  ].filter(Boolean);
  if (!sentences.length) return null;
  return h("p", { class: "why" }, sentences.map((sentence, place) => [place > 0 && " ", sentence]));
}

/** Return sentences for signals that do not depend on the history: popular, new. */
function impersonal(signals) {
  return Object.entries(signals)
    .filter(([name, share]) => share > LARGE_SHARE && has(`why.signal.${name}`))
    .map(([name]) => t(`why.signal.${name}`));
}

function named(because) {
  return listed(because.map((reason) => parts("why.share", {
    title: h("strong", { title: reason.title }, shortTitle(reason)),
    share: percent(reason.share),
  })));
}

/** Return the share of each signal, as a bar and in words. */
function shares(signals) {
  const ordered = Object.entries(signals)
    .filter(([, share]) => Math.abs(share) >= SMALLEST_SHARE)
    .sort(([, one], [, other]) => other - one);
  if (!ordered.length) return null;
  const bar = h("span", { class: "bar", "aria-hidden": "true" });
  for (const [name, share] of ordered.filter(([, value]) => value > 0)) {
    const part = coloured(h("span", { class: "part" }), name);
    part.style.flexGrow = share;
    bar.append(part);
  }
  return h("div", { class: "shares" }, bar,
    h("ul", { "aria-label": t("shares") }, ordered.map(([name, share]) =>
      coloured(h("li", {}, h("span", { class: "dot", "aria-hidden": "true" }), signalName(name), " ", percent(share)), name))));
}

/** Return the matching passage; words that also occur in the query or the history are marked. */
function passage(entry, text) {
  const { item, history } = entry.passages;
  const here = withoutTitle(item, entry.title);
  const source = entry.because?.[0];
  const there = history === null ? text : withoutTitle(history, source?.title ?? "");
  const quote = h("blockquote", { "aria-label": t("passage") });
  const close = history === null || !source ? null : h("p", { class: "close" });
  const toggle = h("button", { type: "button", class: "plain small", "aria-expanded": "false" });
  const show = (whole) => {
    quote.replaceChildren(...highlighted(here, there, whole));
    close?.replaceChildren(...flat([t("passage.close"), " ", h("strong", {}, shortTitle(source)), ": ",
      highlighted(there, here, whole)]));
    if (close) close.hidden = !whole;
    const more = close ? t("passage.compare", { title: shortTitle(source) }) : t("passage.more");
    toggle.textContent = whole ? t("passage.less") : more;
    toggle.setAttribute("aria-expanded", String(whole));
  };
  show(false);
  toggle.addEventListener("click", () => show(toggle.getAttribute("aria-expanded") !== "true"));
  return h("div", { class: "passage" }, quote, close, (close || isLong(here)) && toggle);
}
