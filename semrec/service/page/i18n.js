// All texts of the page in all languages.

import { flat, remember, remembered } from "./dom.js";

const STRINGS = {
  en: {
    skip: "Skip to the results",
    language: "Language",
    theme: "Colours",
    "theme.auto": "Automatic",
    "theme.light": "Light",
    "theme.dark": "Dark",
    "catalog.size": "{n} items",
    ask: "Ask",
    "search.label": "What are you looking for?",
    "search.placeholder": "Describe what you need, in your own words",
    history: "You use",
    "history.empty": "nothing yet: choose “I use this” on any card",
    "history.clear": "Clear",
    "history.remove": "Remove {title}",
    "history.disliked": "not for you: {title}",
    "history.unknown": "not in the index: {title}",
    tune: "Fine-tune",
    balance: "Text against taste",
    "balance.text": "reads alike",
    "balance.taste": "used together",
    "balance.learned": "as learned",
    "balance.says": "{text} : {taste}",
    "balance.none": "no taste yet: nothing was learned from events",
    diversity: "Diversity",
    "diversity.low": "closest",
    "diversity.high": "most varied",
    user: "A stored user",
    "user.placeholder": "user id",
    "user.load": "Use",
    "user.chip": "user {user}",
    "user.remove": "Without user {user}",
    results: "Recommendations",
    more: "Show more",
    searching: "Searching …",
    found: { one: "{n} recommendation", other: "{n} recommendations" },
    "found.none": "Nothing matches.",
    "found.none.where": "Nothing matches in “{value}”. Remove the filter to search the whole catalog.",
    only: "only {value}",
    "only.remove": "Without the filter {value}",
    "start.title": "Say what you need, or start with something you use",
    "start.how": "One sentence is enough: it is matched by meaning, not only by words. Or choose some items: you get similar items, with reasons.",
    "start.none": "Type a sentence to start.",
    use: "I use this",
    dislike: "Not for me",
    "use.title": "I use {title}",
    "dislike.title": "{title} is not for me",
    "why.together": "People who use {items} also use this.",
    "why.alike": "Like {items}, which you use.",
    "why.signal.popularity": "Many use this.",
    "why.signal.freshness": "It is new.",
    "why.signal.central": "It is typical of its part of the catalog.",
    "why.text": "It matches your words.",
    "why.share": "{title} ({share})",
    passage: "What matches",
    "passage.close": "close to",
    "passage.more": "whole passage",
    "passage.compare": "compare with {title}",
    "passage.less": "shorter",
    shares: "Share of each reason",
    "signal.text": "meaning",
    "signal.bm25": "words",
    "signal.collaborative": "taste",
    "signal.item_item": "used together",
    "signal.popularity": "popular",
    "signal.freshness": "new",
    "signal.central": "typical",
    "unknown.items": { one: "{n} item of the history is not in the index and was skipped: {items}", other: "{n} items of the history are not in the index and were skipped: {items}" },
    side: "The whole picture",
    map: "Map of the catalog",
    "map.in": "Zoom in",
    "map.out": "Zoom out",
    "map.reset": "Show all",
    "map.markers": "Items on the map; move with the arrow keys",
    "map.note": "{n} items; similar items are close together.",
    "map.none": "This index has no map. Build it again to see one: semrec index CATALOG --rebuild",
    "map.failed": "The map could not be loaded.",
    "map.groups": "Groups; choose one to show only its items",
    "map.list": "The map as a table",
    "map.kind": "What",
    "map.item": "Item",
    "map.region": "Among",
    "map.history": "you use",
    "map.disliked": "not for you",
    "map.result": "recommended, place {n}",
    "map.interest": "interest",
    "map.marker": "{title}: {kind}",
    "map.empty": "There is no question yet.",
    interests: "What the history is about",
    "interests.user": "What {user} is interested in",
    "interests.none": "There are no events of this user.",
    "interest.items": { one: "{share}, {n} item", other: "{share}, {n} items" },
    "interest.mute": "Mute",
    "interest.unmute": "Unmute",
    "interest.mute.title": "Mute the interest {name}",
    "interest.unmute.title": "Unmute the interest {name}",
    "interest.weight": "Weight of the interest {name}",
    whynot: "Why not …?",
    "whynot.help": "Name an item that is missing; the answer says why it is not recommended.",
    "whynot.label": "Item",
    "whynot.placeholder": "id or words",
    "whynot.ask": "Ask",
    "whynot.first": "First say what you are looking for, or what you use.",
    "whynot.which": "Which one?",
    "whynot.unknown": "No item has this id, and no text is similar.",
    "whynot.of": "Why not this?",
    "whynot.table": "What each signal adds, next to the last item shown",
    "whynot.figures": "What each signal adds",
    "whynot.score": "score",
    "verdict.recommended": "is among the recommendations, on place {rank}.",
    "verdict.not_indexed": "is not in the index.",
    "verdict.seen": "is something you use: such items are not recommended again.",
    "verdict.excluded": "was excluded by its id.",
    "verdict.filtered": "does not belong to “{value}”, and only that is shown.",
    "verdict.not_found": "was not considered: no signal found it for this question.",
    "verdict.outranked": "was considered, but it is on place {rank} of {n} candidates.",
    "verdict.diversity": "scores high enough (place {rank}), but is too similar to an item that is shown.",
    key: "This service needs a key",
    "key.label": "API key",
    "key.enter": "Open",
    "key.wrong": "This key is not valid here. Check it, or ask for another key.",
    "key.why": "The key stays in this tab and is forgotten when you close it.",
    "error.unreachable": "The service does not respond. It may be starting, or the network is down.",
    "error.too_many_requests": "The service is busy. Wait a moment, then try again.",
    "error.timeout": "That took too long. Try again, or ask for less.",
    "error.nothing_indexed": "Nothing is indexed yet. Index a catalog, then reload this page.",
    "error.unavailable": "The service cannot answer now. It keeps trying to recover.",
    "error.internal": "There was an unexpected error in the service.",
    "error.unknown": "None of the items that you use is in this index. Remove them, or choose others.",
    "error.other": "That did not work: {message}",
    retry: "Try again",
    foot: "Every share is exact: a score is the sum of its reasons.",
  },
  zh: {
    skip: "跳到结果",
    language: "语言",
    theme: "配色",
    "theme.auto": "自动",
    "theme.light": "浅色",
    "theme.dark": "深色",
    "catalog.size": "{n} 个条目",
    ask: "提问",
    "search.label": "您在找什么？",
    "search.placeholder": "用自己的话描述您的需要",
    history: "您在用",
    "history.empty": "还没有：在任意卡片上点“我在用”",
    "history.clear": "清空",
    "history.remove": "移除 {title}",
    "history.disliked": "不适合您：{title}",
    "history.unknown": "不在索引中：{title}",
    tune: "微调",
    balance: "内容与喜好",
    "balance.text": "内容相近",
    "balance.taste": "常一起用",
    "balance.learned": "按学到的权重",
    "balance.says": "{text} : {taste}",
    "balance.none": "还没有从行为中学习，因此没有喜好信号",
    diversity: "多样性",
    "diversity.low": "最相近",
    "diversity.high": "最多样",
    user: "已有用户",
    "user.placeholder": "用户编号",
    "user.load": "使用",
    "user.chip": "用户 {user}",
    "user.remove": "不使用用户 {user}",
    results: "推荐",
    more: "显示更多",
    searching: "正在搜索…",
    found: { other: "{n} 条推荐" },
    "found.none": "没有匹配的条目。",
    "found.none.where": "在“{value}”中没有匹配的条目。去掉筛选可查找全部。",
    only: "仅 {value}",
    "only.remove": "去掉筛选 {value}",
    "start.title": "说出您的需要，或从您在用的东西开始",
    "start.how": "一句话就够了：按意思匹配，而不只是按字词。也可以先选几个条目：推荐会与它们相近，并说明理由。",
    "start.none": "输入一句话即可开始。",
    use: "我在用",
    dislike: "不适合我",
    "use.title": "我在用 {title}",
    "dislike.title": "{title} 不适合我",
    "why.together": "使用 {items}的人也使用它。",
    "why.alike": "与您在用的 {items}相近。",
    "why.signal.popularity": "很多人使用它。",
    "why.signal.freshness": "这是新的。",
    "why.signal.central": "它是目录中这一类的典型。",
    "why.text": "与您的描述相符。",
    "why.share": "{title}（{share}）",
    passage: "匹配的段落",
    "passage.close": "相近于",
    "passage.more": "完整段落",
    "passage.compare": "与 {title} 对照",
    "passage.less": "收起",
    shares: "各种理由的占比",
    "signal.text": "语义",
    "signal.bm25": "字词",
    "signal.collaborative": "喜好",
    "signal.item_item": "常一起用",
    "signal.popularity": "热门",
    "signal.freshness": "新品",
    "signal.central": "典型",
    "unknown.items": { other: "历史中有 {n} 个条目不在索引中，已跳过：{items}" },
    side: "全景",
    map: "目录地图",
    "map.in": "放大",
    "map.out": "缩小",
    "map.reset": "显示全部",
    "map.markers": "地图上的条目；用方向键移动",
    "map.note": "{n} 个条目；相近的彼此靠近。",
    "map.none": "此索引没有地图。重新建立索引即可看到：semrec index CATALOG --rebuild",
    "map.failed": "无法加载地图。",
    "map.groups": "分组；选择一个则只看该组",
    "map.list": "以表格查看地图",
    "map.kind": "类别",
    "map.item": "条目",
    "map.region": "所在分组",
    "map.history": "您在用",
    "map.disliked": "不适合您",
    "map.result": "推荐第 {n} 位",
    "map.interest": "兴趣",
    "map.marker": "{title}：{kind}",
    "map.empty": "还没有提问。",
    interests: "历史的主题",
    "interests.user": "{user} 的兴趣",
    "interests.none": "这里没有该用户的行为记录。",
    "interest.items": { other: "{share}，{n} 个条目" },
    "interest.mute": "静音",
    "interest.unmute": "恢复",
    "interest.mute.title": "静音兴趣 {name}",
    "interest.unmute.title": "恢复兴趣 {name}",
    "interest.weight": "兴趣 {name} 的权重",
    whynot: "为什么没有……？",
    "whynot.help": "写出您没看到的条目，就会说明它为何落选。",
    "whynot.label": "条目",
    "whynot.placeholder": "编号或描述",
    "whynot.ask": "询问",
    "whynot.first": "请先说出您要找什么，或您在用什么。",
    "whynot.which": "是哪一个？",
    "whynot.unknown": "没有这个条目，也没有内容与之相近的条目。",
    "whynot.of": "为什么没有它？",
    "whynot.table": "各信号的贡献，与最后一条推荐对比",
    "whynot.figures": "各信号的贡献",
    "whynot.score": "得分",
    "verdict.recommended": "已在推荐中，排第 {rank} 位。",
    "verdict.not_indexed": "不在索引中。",
    "verdict.seen": "是您在用的条目：在用的不再推荐。",
    "verdict.excluded": "已按编号排除。",
    "verdict.filtered": "不属于“{value}”，而现在只显示该分组。",
    "verdict.not_found": "未被考虑：没有任何信号认为它与您的提问相近。",
    "verdict.outranked": "已被考虑，但在 {n} 个候选中只排第 {rank} 位。",
    "verdict.diversity": "得分足够（第 {rank} 位），但与已显示的条目过于相似。",
    key: "此服务需要密钥",
    "key.label": "API 密钥",
    "key.enter": "打开",
    "key.wrong": "这个密钥无效。请检查，或申请一个有读取权限的密钥。",
    "key.why": "密钥只保存在此标签页，关闭后即忘。",
    "error.unreachable": "服务没有响应。它可能正在启动，或连接已断开。",
    "error.too_many_requests": "服务繁忙。请稍候再试。",
    "error.timeout": "耗时过长。请重试，或减少请求内容。",
    "error.nothing_indexed": "还没有索引。请先索引目录，再刷新本页。",
    "error.unavailable": "服务暂时无法回答，正在自行恢复。",
    "error.internal": "服务内部出错。",
    "error.unknown": "您在用的条目都不在此索引中。请移除它们，或选择其他条目。",
    "error.other": "未能完成：{message}",
    retry: "重试",
    foot: "每个占比都是精确的：得分是各理由之和。",
  },
};

export let language = firstLanguage();

function firstLanguage() {
  const chosen = remembered("language");
  if (chosen in STRINGS) return chosen;
  const wanted = navigator.languages ?? [navigator.language];
  return wanted.map((tag) => tag.slice(0, 2).toLowerCase()).find((tag) => tag in STRINGS) ?? "en";
}

export function setLanguage(wanted) {
  language = wanted in STRINGS ? wanted : "en";
  remember("language", language);
  translatePage();
}

/** Return a text with its placeholders filled in. */
export function t(key, values = {}) {
  return parts(key, values).join("");
}

/** Return the pieces of a text, its placeholders filled with texts, numbers or elements. */
export function parts(key, values = {}) {
  let found = STRINGS[language][key] ?? STRINGS.en[key] ?? key;
  if (typeof found === "object") {
    found = found[new Intl.PluralRules(language).select(values.n)] ?? found.other;
  }
  const filled = found.split(/\{(\w+)\}/).map((piece, place) => (place % 2 ? shown(values[piece]) : piece));
  return flat(filled);
}

const shown = (value) => (typeof value === "number" ? number(value) : value ?? "");

export const has = (key) => key in STRINGS.en;
export const number = (value) => new Intl.NumberFormat(language).format(value);
export const decimal = (value) => new Intl.NumberFormat(language, { minimumFractionDigits: 2, maximumFractionDigits: 2, signDisplay: "negative" }).format(value);
export const percent = (value) => new Intl.NumberFormat(language, { style: "percent" }).format(value);

/** Return elements or strings as "a, b and c". */
export function listed(elements) {
  const format = new Intl.ListFormat(language, { type: "conjunction" });
  let next = 0;
  return format
    .formatToParts(elements.map(() => "x"))
    .map((part) => (part.type === "element" ? elements[next++] : part.value));
}

/** Write the fixed texts of the page. */
export function translatePage() {
  document.documentElement.lang = language === "zh" ? "zh-CN" : language;
  for (const element of document.querySelectorAll("[data-i18n]")) element.textContent = t(element.dataset.i18n);
  for (const element of document.querySelectorAll("[data-i18n-placeholder]")) {
    element.placeholder = t(element.dataset.i18nPlaceholder);
  }
  for (const element of document.querySelectorAll("[data-i18n-label]")) {
    element.setAttribute("aria-label", t(element.dataset.i18nLabel));
  }
}
