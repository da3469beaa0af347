// Elements from data. Text always becomes a text node, so a catalog cannot inject markup.

/** Return an element; `on…` properties are listeners, children can be nested lists, strings or null. */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else if (name === "data") Object.assign(element.dataset, value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...flat(children));
  return element;
}

/** Return nested children as one list, without empty ones. */
export function flat(children) {
  return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
}

export const byId = (id) => document.getElementById(id);

/** Call `action` once, `wait` milliseconds after the last call. */
export function debounced(action, wait) {
  let timer = 0;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(action, wait, ...values);
  };
}

/** Return the value stored in the browser under a name, or null. */
export function remembered(name) {
  try {
    return localStorage.getItem(`semrec.${name}`);
  } catch {
    return null;
  }
}

export function remember(name, value) {
  try {
    localStorage.setItem(`semrec.${name}`, value);
  } catch {
    // Private windows can refuse; then the value is lost when the page is closed.
  }
}
