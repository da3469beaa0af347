// Passages: which words of one match another text, and the part of a long one that has most of them.

import { flat, h } from "./dom.js";

const EXCERPT = 260; // characters
const SLACK = 60; // characters that an excerpt may be longer, to leave nothing short out
const ALMOST_ALL = 0.4; // a passage with more of its words shared than this says the same: marks would tell nothing

const COMMON = new Set(
  ("a an and are as at be by can for from has have in into is it its of on or that the their them these this to " +
    "using use used which with you your also other such any all not no package packages library libraries " +
    "contain contains provide provides include includes support supports file files version one several some " +
    "的 了 和 是 在 有 与 及 或 也 为 用 我 您 你 它 一 个").split(" "),
);

const segmenter = new Intl.Segmenter(undefined, { granularity: "word" });

/** Return a text as `{text, stem}`; stem is null for what is no word worth matching. */
function words(text) {
  return [...segmenter.segment(text)].map(({ segment, isWordLike }) => {
    const lower = segment.toLowerCase();
    const matters = isWordLike && !COMMON.has(lower) && (lower.length > 1 || /\p{Script=Han}/u.test(lower));
    return { text: segment, stem: matters ? stem(lower) : null };
  });
}

/** Return a word without its English ending, so that "parse" marks "parsing" and "parser". */
const stem = (word) => (word.length > 3 ? word.replace(/(ies|ing|ers?|ed|es|s|y|e)$/, "") : word);

/** Return the passage without the title that it begins with, unless there is nothing else. */
export function withoutTitle(passage, title) {
  const rest = passage.startsWith(title) ? passage.slice(title.length) : passage;
  return rest.replace(/^[\s.:]+/, "").trim() || passage;
}

/**
 * Return the passage as nodes with the words marked that it shares with another text.
 *
 * @param whole the whole passage, or an excerpt around most of the marks.
 */
export function highlighted(passage, other, whole) {
  const wanted = new Set(words(other).flatMap(({ stem: found }) => found ?? []));
  const found = words(passage.replace(/\s+/g, " "));
  const matters = found.filter((piece) => piece.stem !== null);
  const shared = matters.filter((piece) => wanted.has(piece.stem));
  const marks = shared.length <= ALMOST_ALL * matters.length || matters.length < 12;
  const pieces = found.map((piece) => ({ ...piece, marked: marks && piece.stem !== null && wanted.has(piece.stem) }));
  const [from, to] = whole ? [0, pieces.length] : excerpt(pieces);
  return flat([
    from > 0 && "… ",
    merged(pieces.slice(from, to)).map(({ text, marked }) => (marked ? h("mark", {}, text) : text)),
    to < pieces.length && " …",
  ]);
}

export const isLong = (passage) => passage.length > EXCERPT + SLACK;

/** Return the bounds of the stretch of at most EXCERPT characters with most marks, from the start of a sentence. */
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

/** Return where the sentence of a piece begins, or the piece itself when that is far before. */
function sentenceStart(pieces, ends, place) {
  for (let from = place; from >= 0 && ends[place] - ends[from] <= SLACK; from -= 1) {
    if (from === 0) return 0;
    if (pieces[from].text.trim() && /[.!?。！？]\s*$/.test(pieces.slice(Math.max(0, from - 2), from).map(({ text }) => text).join(""))) return from;
  }
  return place;
}

/** Join neighbours of the same kind; a space between two marks is marked too. */
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
