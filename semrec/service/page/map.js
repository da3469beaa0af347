// The map: dots for the catalog on a canvas, and above them buttons for the query and the answer.
//
// The pointer can select any dot. The keyboard reaches the buttons: one tab stop, then arrow keys.

import { call } from "./api.js";
import { shortTitle } from "./cards.js";
import { byId, h } from "./dom.js";
import { t } from "./i18n.js";
import { change, state } from "./state.js";

const REACH = 9; // pixels: largest distance between the pointer and a selected dot
const MAX_ZOOM = 12;
const APART = 19; // pixels between two markers, if there is room
const MARGIN = 0.08;
const LABEL_SHARE = 0.015; // smaller groups get no name on the map

const view = { zoom: 1, x: 0, y: 0 }; // x and y of the middle, in [-1, 1]
let catalog = null; // the response of /map, or null
let places = new Map(); // item id -> [x, y]
let markers = [];
let shownAt = { item_id: null };
let actions = {};

const canvas = byId("map-dots");
const box = byId("map");
const overlay = byId("map-markers");
const tip = byId("map-tip");

/** Load the map; `given` is {use, whyNot}: the actions for a selected dot. */
export async function loadMap(given) {
  actions = given;
  box.hidden = false;
  byId("map-panel").classList.remove("without");
  try {
    catalog = await call("map");
  } catch (error) {
    if (error.status === 401 || error.status === 403) throw error;
    box.hidden = true;
    byId("map-panel").classList.add("without");
    byId("map-note").dataset.key = error.code === "no_map" ? "map.none" : "map.failed";
    translateMap();
    return null;
  }
  catalog.reach = [reachOf(catalog.x), reachOf(catalog.y)];
  catalog.item_ids.forEach((id, place) => places.set(id, [catalog.x[place], catalog.y[place]]));
  catalog.number = new Map(catalog.item_ids.map((id, place) => [id, place]));
  listen();
  new ResizeObserver(draw).observe(box);
  translateMap();
  return catalog;
}

/** Write all texts of the map again, in another language. */
export function translateMap() {
  const note = byId("map-note");
  if (!catalog) {
    note.textContent = note.dataset.key ? t(note.dataset.key) : "";
    return;
  }
  note.textContent = t("map.note", { n: catalog.item_ids.length });
  drawLegend();
  drawTable();
}

/** Show items: [{item_id, title, kind, place?}]; kind is history, disliked, result or interest. */
export async function showOnMap(items) {
  markers = items;
  drawTable();
  if (!catalog) return;
  const missing = [...new Set(items.map(({ item_id }) => item_id).filter((id) => !places.has(id)))];
  if (missing.length) {
    try {
      const found = await call("map/places", { body: { item_ids: missing.slice(0, 1000) } });
      for (const [id, place] of Object.entries(found.places)) places.set(id, place);
    } catch {
      // Items without a place are not drawn; the table still lists them.
    }
  }
  drawMarkers();
  drawTable();
}

/** Emphasise the marker of an item; null: no marker. */
export function emphasise(itemId) {
  for (const button of overlay.querySelectorAll("button")) {
    button.classList.toggle("strong", itemId !== null && button.dataset.item === itemId);
  }
}

// -- drawing --------------------------------------------------------------------------------------------

function draw() {
  const { width, height } = box.getBoundingClientRect();
  if (!width) return;
  const density = window.devicePixelRatio || 1;
  canvas.width = width * density;
  canvas.height = height * density;
  const pen = canvas.getContext("2d");
  pen.scale(density, density);
  const colours = groupColours();
  const size = Math.min(3.2, 1.3 + 0.25 * (view.zoom - 1)) * (width > 340 ? 1 : 0.85);
  catalog.item_ids.forEach((_, place) => {
    const group = catalog.group[place];
    const muted = state.where && catalog.groups[group] !== state.where.value;
    const [left, top] = toScreen([catalog.x[place], catalog.y[place]], width, height);
    if (left < -5 || top < -5 || left > width + 5 || top > height + 5) return;
    pen.globalAlpha = muted ? 0.12 : 0.6;
    pen.fillStyle = colours[group] ?? colours.none;
    pen.beginPath();
    pen.arc(left, top, size, 0, 2 * Math.PI);
    pen.fill();
  });
  pen.globalAlpha = 1;
  drawLabels(pen, width, height);
  drawMarkers();
}

function groupColours() {
  const style = getComputedStyle(document.documentElement);
  const colours = catalog.groups.map((_, group) => style.getPropertyValue(`--group-${group % 12}`).trim());
  colours.none = style.getPropertyValue("--group-none").trim();
  colours.ink = style.getPropertyValue("--ink").trim();
  colours.paper = style.getPropertyValue("--map").trim();
  return colours;
}

/** Write the names of the larger groups where they are densest, without overlap. */
function drawLabels(pen, width, height) {
  const colours = groupColours();
  const taken = [];
  pen.font = `600 11px ${getComputedStyle(document.body).fontFamily}`;
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.lineJoin = "round";
  for (const { name, group, at } of labels()) {
    const [left, top] = toScreen(at, width, height);
    const half = pen.measureText(name).width / 2 + 4;
    const area = [left - half, top - 9, left + half, top + 9];
    const inside = area[0] > 0 && area[1] > 0 && area[2] < width && area[3] < height;
    if (!inside || taken.some((other) => overlaps(area, other))) continue;
    taken.push(area);
    pen.lineWidth = 4;
    pen.strokeStyle = colours.paper;
    pen.strokeText(name, left, top);
    pen.fillStyle = colours.ink;
    pen.globalAlpha = state.where && state.where.value !== catalog.groups[group] ? 0.4 : 0.9;
    pen.fillText(name, left, top);
    pen.globalAlpha = 1;
  }
}

const overlaps = (one, other) => one[0] < other[2] && other[0] < one[2] && one[1] < other[3] && other[1] < one[3];

/** Return the names of the groups, each at the middle of its densest cell. */
function labels() {
  if (catalog.labels) return catalog.labels;
  const cells = catalog.groups.map(() => new Map());
  catalog.group.forEach((group, place) => {
    if (group < 0) return;
    const cell = [catalog.x, catalog.y].map((column, axis) => Math.round((4 * column[place]) / catalog.reach[axis].half)).join();
    const members = cells[group].get(cell) ?? [];
    members.push(place);
    cells[group].set(cell, members);
  });
  const mean = (column, members) => members.reduce((sum, place) => sum + column[place], 0) / members.length;
  catalog.labels = cells.flatMap((found, group) => {
    const all = [...found.values()];
    const total = all.reduce((sum, members) => sum + members.length, 0);
    const densest = all.reduce((best, members) => (members.length > best.length ? members : best), []);
    if (total < LABEL_SHARE * catalog.item_ids.length) return [];
    return { name: catalog.groups[group], group, at: [mean(catalog.x, densest), mean(catalog.y, densest)] };
  });
  return catalog.labels;
}

function drawMarkers() {
  if (!catalog) return;
  const { width, height } = box.getBoundingClientRect();
  const focused = document.activeElement?.closest?.("#map-markers button")?.dataset.item;
  const placed = markers.flatMap((marker) => {
    const place = places.get(marker.item_id);
    const at = place && toScreen(place, width, height);
    return at && at[0] >= 0 && at[1] >= 0 && at[0] <= width && at[1] <= height ? { marker, at } : [];
  });
  spread(placed.filter(({ marker }) => marker.kind !== "interest").map(({ at }) => at), width, height);
  const buttons = placed.reverse().map(({ marker, at }) => markerButton(marker, at)); // the first marker on top
  overlay.replaceChildren(...buttons);
  const again = buttons.find((button) => button.dataset.item === focused);
  const first = again ?? buttons.at(-1);
  if (first) first.tabIndex = 0;
  again?.focus();
}

function markerButton(marker, [left, top]) {
  const show = () => showTip(marker, [left, top]);
  const button = h("button", {
    type: "button", class: `marker ${marker.kind}`, tabindex: "-1", data: { item: marker.item_id },
    "aria-label": t("map.marker", { title: shortTitle(marker), kind: kindName(marker) }),
    onclick: show, onfocus: show, onpointerenter: show, onblur: hideTip,
  }, marker.kind === "result" && marker.place < 100 ? String(marker.place) : "");
  button.style.left = `${left}px`;
  button.style.top = `${top}px`;
  return button;
}

/** Push positions apart, in place, until few overlap. */
function spread(all, width, height) {
  for (let round = 0; round < 30; round += 1) {
    for (const [number, one] of all.entries()) {
      for (const other of all.slice(number + 1)) {
        const [dx, dy] = [other[0] - one[0] || 0.1 * (number + 1), other[1] - one[1]];
        const distance = Math.hypot(dx, dy);
        if (distance >= APART) continue;
        const push = (APART - distance) / 2 / distance;
        one[0] -= push * dx;
        one[1] -= push * dy;
        other[0] += push * dx;
        other[1] += push * dy;
      }
    }
  }
  for (const place of all) {
    place[0] = Math.min(width - 10, Math.max(10, place[0]));
    place[1] = Math.min(height - 10, Math.max(10, place[1]));
  }
}

const kindName = (marker) => t(`map.${marker.kind}`, { n: marker.place });

function drawLegend() {
  const legend = byId("legend");
  legend.replaceChildren(...catalog.groups.map((name, group) => {
    const chosen = state.where?.field === catalog.field && state.where.value === name;
    const dot = h("span", { class: "dot", "aria-hidden": "true" });
    dot.style.backgroundColor = `var(--group-${group % 12})`;
    return h("li", {}, h("button", {
      type: "button", "aria-pressed": String(chosen),
      onclick: () => {
        change({ where: chosen ? null : { field: catalog.field, value: name } });
        legend.children[group].firstChild.focus();
      },
    }, dot, name));
  }));
}

function drawTable() {
  const rows = markers.map((marker) => {
    const group = catalog ? catalog.groups[catalog.group[catalog.number.get(marker.item_id)]] : null;
    return h("tr", {}, h("td", {}, kindName(marker)), h("td", {}, shortTitle(marker)), h("td", {}, group ?? "–"));
  });
  byId("map-table").replaceChildren(rows.length
    ? h("table", {},
      h("thead", {}, h("tr", {}, ["map.kind", "map.item", "map.region"].map((key) => h("th", { scope: "col" }, t(key))))),
      h("tbody", {}, rows))
    : h("p", { class: "quiet small" }, t("map.empty")));
}

// -- coordinates -----------------------------------------------------------------------------------

/** Return the middle and half the width of 99.6 % of the coordinates; outliers can lie outside. */
function reachOf(column) {
  const ordered = [...column].sort((one, other) => one - other);
  const [low, high] = [ordered[Math.floor(0.002 * ordered.length)], ordered[Math.ceil(0.998 * (ordered.length - 1))]];
  return { middle: (low + high) / 2, half: (high - low) / 2 || 1 };
}

/** Return a position in pixels. The axes have no meaning, so each is scaled to fill the box. */
function toScreen(place, width, height) {
  const [x, y] = place.map((value, axis) => (value - catalog.reach[axis].middle) / catalog.reach[axis].half);
  const scale = (1 - MARGIN) * view.zoom;
  return [(width / 2) * (1 + (x - view.x) * scale), (height / 2) * (1 - (y - view.y) * scale)];
}

/** Return the position in the view, in [-1, 1], of a point on the screen. */
function fromScreen([left, top], width, height) {
  const scale = (1 - MARGIN) * view.zoom;
  return [((2 * left) / width - 1) / scale + view.x, (1 - (2 * top) / height) / scale + view.y];
}

function nearestDot([left, top]) {
  const { width, height } = box.getBoundingClientRect();
  let best = null;
  let reach = REACH ** 2;
  catalog.item_ids.forEach((id, place) => {
    const [x, y] = toScreen([catalog.x[place], catalog.y[place]], width, height);
    const distance = (x - left) ** 2 + (y - top) ** 2;
    if (distance < reach) {
      reach = distance;
      best = { item_id: id, title: catalog.titles[place], at: [x, y] };
    }
  });
  return best;
}

// -- pointer and keyboard -------------------------------------------------------------------------

function listen() {
  let drag = null;
  box.addEventListener("pointerdown", (event) => {
    if (event.target.closest("button, .tip")) return;
    drag = { at: [event.clientX, event.clientY], view: { ...view }, moved: false };
    if (event.pointerType === "mouse") box.setPointerCapture(event.pointerId);
  });
  box.addEventListener("pointermove", (event) => {
    const bounds = box.getBoundingClientRect();
    if (drag && view.zoom > 1) {
      const by = [event.clientX - drag.at[0], event.clientY - drag.at[1]];
      if (!drag.moved && Math.hypot(...by) < 4) return;
      drag.moved = true;
      Object.assign(view, drag.view);
      const from = fromScreen([0, 0], bounds.width, bounds.height);
      const to = fromScreen(by, bounds.width, bounds.height);
      moveTo(view.x + from[0] - to[0], view.y + from[1] - to[1]);
    } else if (!drag && !event.target.closest(".tip, button")) {
      pointAt([event.clientX - bounds.left, event.clientY - bounds.top], false);
    }
  });
  box.addEventListener("pointerup", (event) => {
    const bounds = box.getBoundingClientRect();
    if (drag && !drag.moved) pointAt([event.clientX - bounds.left, event.clientY - bounds.top], true);
    drag = null;
  });
  box.addEventListener("pointercancel", () => (drag = null));
  box.addEventListener("pointerleave", () => !tip.classList.contains("held") && hideTip());
  box.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && view.zoom === 1 && event.deltaY > 0) return; // scroll the page
    event.preventDefault();
    const bounds = box.getBoundingClientRect();
    zoomBy(event.deltaY < 0 ? 1.25 : 0.8, [event.clientX - bounds.left, event.clientY - bounds.top]);
  }, { passive: false });
  byId("zoom-in").addEventListener("click", () => zoomBy(1.6));
  byId("zoom-out").addEventListener("click", () => zoomBy(1 / 1.6));
  byId("zoom-reset").addEventListener("click", () => zoomBy(0));
  overlay.addEventListener("keydown", moveFocus);
  box.addEventListener("keydown", (event) => event.key === "Escape" && hideTip());
}

function pointAt(at, held) {
  const found = nearestDot(at);
  if (found) showTip(found, found.at, held);
  else if (held || !tip.classList.contains("held")) hideTip();
}

function zoomBy(factor, at) {
  const { width, height } = box.getBoundingClientRect();
  const middle = at ?? [width / 2, height / 2];
  const before = fromScreen(middle, width, height);
  view.zoom = Math.min(MAX_ZOOM, Math.max(1, view.zoom * factor));
  const after = fromScreen(middle, width, height);
  moveTo(view.x + before[0] - after[0], view.y + before[1] - after[1]);
}

function moveTo(x, y) {
  const reach = 1 - 1 / view.zoom;
  view.x = Math.min(reach, Math.max(-reach, x));
  view.y = Math.min(reach, Math.max(-reach, y));
  box.classList.toggle("zoomed", view.zoom > 1);
  hideTip();
  draw();
}

/** Move the focus to the nearest marker in the direction of an arrow key. */
function moveFocus(event) {
  const direction = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  const here = event.target.closest("button");
  if (!direction || !here) return;
  event.preventDefault();
  const where = (button) => [parseFloat(button.style.left), parseFloat(button.style.top)];
  const [x, y] = where(here);
  let best = null;
  for (const button of overlay.querySelectorAll("button")) {
    if (button === here) continue;
    const [dx, dy] = [where(button)[0] - x, where(button)[1] - y];
    const ahead = dx * direction[0] + dy * direction[1];
    const aside = Math.abs(dx * direction[1]) + Math.abs(dy * direction[0]);
    if (ahead <= 0) continue;
    const cost = ahead + 2 * aside;
    if (!best || cost < best.cost) best = { button, cost };
  }
  if (!best) return;
  here.tabIndex = -1;
  best.button.tabIndex = 0;
  best.button.focus();
}

function showTip(item, [left, top], held = false) {
  if (shownAt.item_id === item.item_id && !tip.hidden && tip.classList.contains("held") && !held) return;
  shownAt = item;
  const kind = markers.find(({ item_id }) => item_id === item.item_id);
  tip.replaceChildren(
    h("strong", {}, shortTitle(item)),
    kind ? h("span", { class: "quiet" }, ` ${kindName(kind)}`) : "",
    rest(item),
    held && !kind ? h("span", { class: "row" },
      h("button", { type: "button", class: "main", onclick: () => choose(actions.use, item) }, t("use")),
      state.history.length || state.text ? h("button", { type: "button", class: "plain", onclick: () => choose(actions.whyNot, item) }, t("whynot.of")) : "") : "",
  );
  tip.classList.toggle("held", held);
  tip.hidden = false;
  const { width, height } = box.getBoundingClientRect();
  const half = tip.offsetWidth / 2;
  tip.style.left = `${Math.min(width - half - 4, Math.max(half + 4, left))}px`;
  const below = top < tip.offsetHeight + 24;
  tip.style.top = `${below ? Math.min(top + 14, height - tip.offsetHeight) : top - tip.offsetHeight - 12}px`;
}

function rest(item) {
  const whole = item.title || "";
  const lead = shortTitle(item);
  return whole !== lead && whole.startsWith(`${lead}: `) ? h("span", { class: "block" }, whole.slice(lead.length + 2)) : "";
}

function choose(action, item) {
  hideTip();
  action(item);
}

function hideTip() {
  tip.hidden = true;
  tip.classList.remove("held");
}

/** Draw again, after a change of colours or filter. */
export function redraw() {
  if (!catalog) return;
  draw();
  drawLegend();
}

export const mapCatalog = () => catalog;
