// The signals of the index, as the service lists them: [{name, label, source, personal}].

import { has, t } from "./i18n.js";

const COLOURS = 6; // --signal-0 to --signal-5 in style.css

let signals = [];

export function setSignals(listed) {
  signals = listed;
}

/** Return whether a signal is made from events of users. */
export const isFromEvents = (name) => signals.some((signal) => signal.name === name && signal.source === "events");

/** Return whether the index has signals from events that depend on the query. */
export const hasTaste = () => signals.some(({ source, personal }) => source === "events" && personal);

/** Return weights of the signals that depend on the query; `taste` is from 0 (text only) to 1 (events only). */
export function balancedWeights(taste) {
  const weights = { text: 1 - taste, events: taste };
  const balanced = signals.filter(({ source, personal }) => personal && source in weights);
  return Object.fromEntries(balanced.map(({ name, source }) => [name, weights[source]]));
}

/** Return the name of a signal in the language of the page, or the label from the service. */
export function signalName(name) {
  if (has(`signal.${name}`)) return t(`signal.${name}`);
  return signals.find((signal) => signal.name === name)?.label ?? name;
}

/** Set the colour of an element, and of the dots in it, to that of a signal; return the element. */
export function coloured(element, name) {
  const place = signals.findIndex((signal) => signal.name === name);
  element.style.setProperty("--signal", `var(--signal-${Math.max(0, place) % COLOURS})`);
  return element;
}
