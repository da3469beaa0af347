"""What an encoder cannot read: tokens that it does not know, and languages that it was not made for.

A tokenizer turns what its vocabulary lacks into one unknown token: 56 % of Chinese package descriptions
become that with all-MiniLM-L6-v2. Then all such texts look alike. German, in the same letters as English, has
no unknown token and still cannot be read: there a language guess tells. A guess from a few words is worth
little, so only sure guesses count; of English titles of films, books and papers at most 0.2 % are surely
taken for another language.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from semrec.encoder.encoder import Encoder

MOST_UNKNOWN = 0.1
"""Share of unknown tokens from which on it is said."""

UNREADABLE = 0.3
"""Share of unknown tokens from which on the vector of a question says too little to be used."""

MOST_OTHER = 0.1
"""Share of texts in another language from which on it is said."""

SURE = 0.9
"""Probability of a language guess that counts."""

GUESSED_CHARACTERS = 1000
"""Characters of a text by which its language is guessed."""

ENGLISH_ENCODERS = ("bundled",)
"""Encoders that are known to read English only; of others no language is known."""

ADVICE = "use a multilingual encoder: semrec index CATALOG --model intfloat/multilingual-e5-small"


@dataclass(frozen=True, slots=True)
class Readability:
    """What an encoder reads of some texts.

    Parameters
    ----------
    unknown_tokens : share of their tokens that the encoder does not know, in [0, 1].
    languages : share of the texts by language (ISO 639-1); texts whose language is not sure are in none.
    """

    unknown_tokens: float = 0.0
    languages: Mapping[str, float] = field(default_factory=dict)


def measure(encoder: Encoder, texts: Sequence[str]) -> Readability:
    """Return what an encoder reads of texts; languages are only guessed for `ENGLISH_ENCODERS`."""
    languages = language_shares(texts) if encoder.name in ENGLISH_ENCODERS else {}
    return Readability(round(unknown_share(encoder, texts), 4), languages)


def unknown_share(encoder: Encoder, texts: Sequence[str]) -> float:
    """Return the share of tokens that an encoder does not know; 0 if it cannot tell."""
    count = getattr(encoder, "count_unknown_tokens", None)  # an encoder of one's own may lack it
    n_tokens = sum(encoder.count_tokens(texts))
    return sum(count(texts)) / n_tokens if count and n_tokens else 0.0


def language_shares(texts: Sequence[str]) -> dict[str, float]:
    """Return the share of texts that are surely in each language, most frequent first."""
    counts = Counter(language for text in texts if (language := _sure_language(text)))
    return {language: round(count / len(texts), 4) for language, count in counts.most_common()}


def catalog_note(encoder: str, found: Readability) -> str:
    """Return in words what an encoder cannot read of a catalog; empty if nothing.

    Parameters
    ----------
    encoder : its name.
    """
    if found.unknown_tokens >= MOST_UNKNOWN:
        share = f"{100 * found.unknown_tokens:.0f} % of the tokens of the catalog"
        return f"{share} are unknown to {_named(encoder)}: {ADVICE}"
    others = {name: share for name, share in found.languages.items() if name != "en"}
    if encoder in ENGLISH_ENCODERS and sum(others.values()) >= MOST_OTHER:
        listed = ", ".join(f"{name} {100 * share:.0f} %" for name, share in list(others.items())[:3])
        return f"texts of the catalog are not in English ({listed}), which {_named(encoder)} needs: {ADVICE}"
    return ""


def question_note(encoder: Encoder, text: str) -> str:
    """Return in words what an encoder cannot read of a question; empty if nothing.

    The language of a question in ASCII letters alone is not guessed: loading the guesser takes a second.
    """
    unknown = unknown_share(encoder, [text])
    if unknown >= MOST_UNKNOWN:
        only = "; only its words were compared" if unknown >= UNREADABLE else ""
        share = f"{100 * unknown:.0f} % of the tokens of the text"
        return f"{share} are unknown to {_named(encoder.name)}{only}: {ADVICE}"
    if encoder.name in ENGLISH_ENCODERS and not text.isascii():
        language = _sure_language(text)
        if language not in ("", "en"):
            return f"the text is not in English ({language}), which {_named(encoder.name)} needs: {ADVICE}"
    return ""


def _named(encoder: str) -> str:
    return "the bundled encoder" if encoder == "bundled" else f"the encoder {encoder!r}"


def _sure_language(text: str) -> str:
    """Return the language of a text, empty if it is not sure."""
    language, probability = _guesser().classify(text[:GUESSED_CHARACTERS])
    return str(language) if probability >= SURE else ""


@lru_cache(maxsize=1)
def _guesser() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # loading its model takes a second

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
