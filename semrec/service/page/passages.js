// Passages: mark the words that also occur in another text, and cut long passages to the part with most marks.

import { flat, h } from "./dom.js";

const EXCERPT = 260; // characters
const SLACK = 60; // characters that an excerpt can be longer, so that no short rest is cut off
const MAX_SHARED = 0.4; // above this share of common words, marks are no help

const COMMON = new Set(
  ("a an and are as at be by can for from has have in into is it its of on or that the their them these this to " +
    "using use used which with you your also other such any all not no package packages library libraries " +
    "contain contains provide provides include includes support supports file files version one several some " +
    "的 了 和 是 在 有 与 及 或 也 为 用 我 您 你 它 一 个").split(" "),
);

const segmenter = new Intl.Segmenter(undefined, { granularity: "word" });

/** Return a text as pieces `{text, stem}`; stem is null for spaces, signs and common words. */
function words(text) {
  return [...segmenter.segment(text)].map(({ segment, isWordLike }) => {
    const lower = segment.toLowerCase();
    const matters = isWordLike && !COMMON.has(lower) && (lower.length > 1 || /\p{Script=Han}/u.test(lower));
    return { text: segment, stem: matters ? stem(lower) : null };
  });
}

/** Return a word without its English ending, so that "parse" matches "parsing" and "parser". */
const stem = (word) => (word.length > 3 ? word.replace(/(ies|ing|ers?|ed|es|s|y|e)$/, "") : word);

/** Return a passage without the title at its start, unless nothing else is left. */
export function withoutTitle(passage, title) {
  const rest = passage.startsWith(title) ? passage.slice(title.length) : passage;
  return rest.replace(/^[\s.:]+/, "").trim() || passage;
}

/**
 * Return a passage as nodes, with marks around the words that also occur in another text.
 *
 * @param whole true: the whole passage; false: an excerpt with most of the marks.
 */
export function highlighted(passage, other, whole) {
  const wanted = new Set(words(other).flatMap(({ stem: found }) => found ?? []));
  const found = words(passage.replace(/\s+/g, " "));
  const matters = found.filter((piece) => piece.stem !== null);
  const shared = matters.filter((piece) => wanted.has(piece.stem));
  const marks = shared.length <= MAX_SHARED * matters.length || matters.length < 12;
  const pieces = found.map((piece) => ({ ...piece, marked: marks && piece.stem !== null && wanted.has(piece.stem) }));
  const [from, to] = whole ? [0, pieces.length] : excerpt(pieces);
  return flat([
    from > 0 && "… ",
    merged(pieces.slice(from, to)).map(({ text, marked }) => (marked ? h("mark", {}, text) : text)),
    to < pieces.length && " …",
  ]);
}

export const isLong = (passage) => passage.length > EXCERPT + SLACK;

/** Return the bounds of the excerpt with most marks; it starts at a sentence, if one starts near. */
function excerpt(pieces) {
  const ends = [0];
  const marks = [0];
  for (const { text, marked } of pieces) {
    ends.push(ends.at(-1) + text.length);
    marks.push(marks.at(-1) + (marked ? 1 : 0));
  }
  if (ends.at(-1) <= EXCERPT + SLACK) return [0, pieces.length];
  const reach = (from) => {
    let to = from;
    while (to < pieces.length && ends[to + 1] - ends[from] <= EXCERPT) to += 1;
    return to;
  };
  let best = [0, reach(0)];
  for (let from = 1, last = best[1]; from < pieces.length && last < pieces.length; from += 1) {
    if (pieces[from].stem === null && pieces[from].text.trim() === "") continue;
    last = reach(from);
    if (marks[last] - marks[from] > marks[best[1]] - marks[best[0]]) best = [from, last];
  }
  const from = sentenceStart(pieces, ends, best[0]);
  return [from, Math.max(best[1], reach(from))];
}

/** Return the start of the sentence of a piece, or the piece itself if the start is far away. */
function sentenceStart(pieces, ends, place) {
  for (let from = place; from >= 0 && ends[place] - ends[from] <= SLACK; from -= 1) {
    if (from === 0) return 0;
    if (pieces[from].text.trim() && /[.!?。！？]\s*$/.test(pieces.slice(Math.max(0, from - 2), from).map(({ text }) => text).join(""))) return from;
  }
  return place;
}

/** Join adjacent pieces of the same kind; a space between two marks is marked too. */
function merged(pieces) {
  const joined = [];
  for (const [place, { text, marked }] of pieces.entries()) {
    const bridges = text === " " && joined.at(-1)?.marked && pieces[place + 1]?.marked;
    const kind = marked || Boolean(bridges);
    if (joined.length && joined.at(-1).marked === kind) joined.at(-1).text += text;
    else joined.push({ text, marked: kind });
  }
  return joined;
}
