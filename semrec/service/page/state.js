// The query, in one place. The address of the page holds it, so that a link can be shared.

import { balancedWeights } from "./signals.js";

export const PAGE = 10;
export const MAX_RESULTS = 50;
export const BALANCED = 50;

const listeners = new Set();

export const state = {
  text: "",
  history: [], // {item_id, title, kind}: kind is "click" or "dislike"
  user: "",
  balance: BALANCED, // 0: only signals from text, 100: only signals from events
  diversity: 0, // percent
  where: null, // {field, value}
  k: PAGE,
};

/** Change the query and call the listeners. */
export function change(values) {
  Object.assign(state, { k: PAGE }, values);
  writeAddress();
  for (const listener of listeners) listener(Object.keys(values));
}

export function onChange(listener) {
  listeners.add(listener);
}

export function addToHistory(item, kind = "click") {
  const others = state.history.filter((entry) => entry.item_id !== item.item_id);
  change({ history: [...others, { item_id: item.item_id, title: item.title, kind }] });
}

export function removeFromHistory(itemId) {
  change({ history: state.history.filter((entry) => entry.item_id !== itemId) });
}

export const isAsked = () => Boolean(state.text.trim() || state.history.length || state.user);

/** Return the body of `POST /recommend`. */
export function question() {
  const body = {
    history: state.history.map(({ item_id, kind }) => ({ item_id, kind })),
    k: state.k,
    diversity: state.diversity / 100,
  };
  if (state.text.trim()) body.text = state.text.trim();
  if (state.user) body.user = state.user;
  if (state.where) body.where = { [state.where.field]: state.where.value };
  if (state.balance !== BALANCED) body.weights = balancedWeights(state.balance / 100); // otherwise: as learned
  return body;
}

function writeAddress() {
  const address = new URLSearchParams();
  if (state.text) address.set("text", state.text);
  for (const { item_id, kind } of state.history) address.append(kind === "dislike" ? "not" : "use", item_id);
  if (state.user) address.set("user", state.user);
  if (state.balance !== BALANCED) address.set("balance", state.balance);
  if (state.diversity) address.set("diversity", state.diversity);
  if (state.where) address.set("only", `${state.where.field}=${state.where.value}`);
  const query = address.toString();
  history.replaceState(null, "", query ? `?${query}` : location.pathname);
}

/** Read the query from the address; ids stand for titles until the titles are loaded. */
export function readAddress() {
  const address = new URLSearchParams(location.search);
  const percent = (name, otherwise) => {
    const value = Number.parseInt(address.get(name) ?? "", 10);
    return value >= 0 && value <= 100 ? value : otherwise;
  };
  const entry = (kind) => (item_id) => ({ item_id, title: item_id, kind });
  const [field, ...value] = (address.get("only") ?? "").split("=");
  Object.assign(state, {
    text: address.get("text") ?? "",
    history: [...address.getAll("use").map(entry("click")), ...address.getAll("not").map(entry("dislike"))],
    user: address.get("user") ?? "",
    balance: percent("balance", BALANCED),
    diversity: percent("diversity", 0),
    where: field && value.length ? { field, value: value.join("=") } : null,
  });
}
