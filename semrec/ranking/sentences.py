"""Reasons in words: sentences that a shop can print."""

from __future__ import annotations

from collections.abc import Sequence

from semrec.signals import SIGNALS, Signal, signal_named
from semrec.types import Because, Interest, Recommendation

QUOTE_CHARACTERS = 120

ENOUGH_SHARE = 0.25
"""Share from which a signal without a history is a reason, when there is no other."""

SMALLEST_SHARE = 0.01
"""Reasons with a smaller share are not named."""


def reason_sentence(recommendation: Recommendation) -> str:
    """Return why an item was recommended, in one or two sentences; empty without reasons."""
    because = tuple(reason for reason in recommendation.because if reason.share >= SMALLEST_SHARE)
    sentences = [template.format(items=named(reasons)) for template, reasons in _by_template(because).items()]
    if not because:
        sentences += [
            signal.sentence
            for signal in SIGNALS
            if signal.sentence and recommendation.signals.get(signal.name, 0.0) > ENOUGH_SHARE
        ]
    passages = recommendation.passages
    if passages:
        item = quote(without_title(passages.item, recommendation.title))
        if passages.history is None and recommendation.score > 0:
            sentences.append(f"It matches your words: “{item}”")
        elif passages.history is not None and recommendation.because:
            history = quote(without_title(passages.history, recommendation.because[0].title))
            sentences.append(f"“{item}” is close to “{history}”")
    if recommendation.explored:
        sentences.append("Little is known of it yet: it is here to learn how it is liked.")
    # Not better than the average item: in a small or filtered catalog, or where all items are the same.
    if not sentences and recommendation.score <= 0:
        sentences.append("No reason; it only fills the list.")
    return " ".join(sentences)


def _by_template(because: Sequence[Because]) -> dict[str, tuple[Because, ...]]:
    """Return the reasons by the sentence of their signal: what is used together first, as it says more."""
    found: dict[str, tuple[Because, ...]] = {}
    for reason in because:
        template = _template(reason)
        found[template] = (*found.get(template, ()), reason)
    return dict(sorted(found.items(), key=lambda pair: pair[0] == Signal.because))


def _template(reason: Because) -> str:
    if reason.relation:
        return f"Often {reason.relation} {{items}}."
    signal = signal_named(reason.signal)
    return signal.because if signal else Signal.because


def without_title(passage: str, title: str) -> str:
    """Return the passage without the title that it begins with, unless there is nothing else."""
    return passage.removeprefix(title).strip(" \n.:") or passage


def named(because: tuple[Because, ...]) -> str:
    """Return the items of the history with their shares: `A (62 %) and B (21 %)`."""
    names = [f"{reason.title or reason.item_id} ({100 * reason.share:.0f} %)" for reason in because]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def interests_in_words(interests: Sequence[Interest], most: int = 4) -> str:
    """Return the largest interests by their most central item: `A (60 %); B (30 %); 3 more`."""
    names = [f"{quote(i.name.split(' · ')[0], 48)} ({100 * i.share:.0f} %)" for i in interests[:most]]
    more = [f"{len(interests) - most} more"] if len(interests) > most else []
    return "; ".join([*names, *more])


def signal_shares(recommendation: Recommendation) -> str:
    """Return the share of every signal by its label: `text 71 %, words 29 %`."""
    ordered = sorted(recommendation.signals.items(), key=lambda signal: -signal[1])
    return ", ".join(f"{label_of(name)} {100 * share:.0f} %" for name, share in ordered)


def label_of(name: str) -> str:
    """Return the label of a signal for people; its name if it is not registered."""
    signal = signal_named(name)
    return signal.label if signal else name


def quote(passage: str, characters: int = QUOTE_CHARACTERS) -> str:
    """Return a passage on one line, cut at a word where it is longer than `characters`."""
    line = " ".join(passage.split())
    if len(line) <= characters:
        return line
    cut = line[: characters - 1]
    whole_words = cut.rsplit(" ", 1)[0]
    # Chinese and Japanese have no spaces: cut between characters there.
    return (whole_words if len(whole_words) > characters // 2 else cut) + "…"
