"""What an encoder cannot read: unknown tokens and other languages, without false alarms."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from toy import ToyEncoder

from semrec.encoder.readability import (
    MOST_OTHER,
    Readability,
    catalog_note,
    language_shares,
    measure,
    question_note,
    unknown_share,
)
from semrec.encoder.shared import SharedEncoder

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
READER = "我喜欢阅读科幻小说、历史书籍和科幻电影。"
GERMAN = "Diese Bibliothek zeichnet Diagramme und Karten, und sie läuft ohne weitere Programme im Browser."
ENGLISH_SETS = {
    "debian_deps": ("title", "text"),
    "ml_latest_small": ("title", "categories", "keywords", "text"),
    "citeulike_a": ("title", "tags"),
    "goodbooks": ("title", "authors", "categories", "text"),
}


def test_unknown_tokens_are_counted(bundled):
    assert bundled.count_unknown_tokens([]) == []
    assert bundled.count_unknown_tokens(["warm winter jacket", "🦕🦖"])[0] == 0
    assert unknown_share(bundled, [READER]) > 0.3
    assert unknown_share(bundled, ["warm winter jacket"]) == 0
    assert unknown_share(SharedEncoder(bundled), [READER]) == unknown_share(bundled, [READER])


def test_an_encoder_that_cannot_tell_has_no_unknown_tokens():
    class Bare:
        name = "bare"

        def count_tokens(self, texts):
            return [len(text.split()) for text in texts]

    assert unknown_share(Bare(), [READER]) == 0
    assert measure(ToyEncoder(), [READER]) == Readability()


def test_a_question_in_chinese_gets_a_note_with_advice(bundled):
    note = question_note(bundled, READER)
    assert "% of the tokens of the text are unknown to the bundled encoder" in note
    assert "only its words were compared" in note
    assert "semrec index CATALOG --model intfloat/multilingual-e5-small" in note


def test_a_question_in_german_has_no_unknown_token_and_still_gets_a_note(bundled):
    assert unknown_share(bundled, [GERMAN]) == 0
    assert "not in English (de)" in question_note(bundled, GERMAN)


@pytest.mark.parametrize(
    "text", ["warm winter jacket", "jazz", "red", "café", "Amélie", "naïve Bayes classifier", "libgtk-3-dev"]
)
def test_english_questions_get_no_note(bundled, text):
    assert question_note(bundled, text) == ""


def test_a_catalog_says_what_cannot_be_read():
    assert catalog_note("bundled", Readability(0.02, {"en": 0.97, "de": 0.03})) == ""
    unknown = catalog_note("bundled", Readability(0.56, {"zh": 0.4}))
    assert unknown.startswith("56 % of the tokens of the catalog are unknown to the bundled encoder: use")
    german = catalog_note("bundled", Readability(0.0, {"de": 0.53, "en": 0.1}))
    assert "not in English (de 53 %)" in german
    assert catalog_note("other/model", Readability(0.0, {"de": 0.53})) == ""
    assert "the encoder 'other/model'" in catalog_note("other/model", Readability(0.2))


@pytest.mark.parametrize("language", ["de", "ja", "zh"])
def test_translated_packages_are_noticed(bundled, language):
    from semrec.cli.demo_data import CATALOG

    columns = [f"title_{language}", f"text_{language}"]
    rows = pl.read_parquet(CATALOG, columns=columns).drop_nulls().head(200).rows()
    texts = [" ".join(row) for row in rows]
    assert catalog_note("bundled", measure(bundled, texts))


@pytest.mark.parametrize("name", ENGLISH_SETS)
def test_english_catalogs_raise_no_alarm(bundled, name):
    path = SHARED / name / "items.parquet"
    if not path.exists():
        pytest.skip("the data set is not here")
    rows = pl.read_parquet(path, columns=list(ENGLISH_SETS[name])).sample(300, seed=3).rows()
    texts = [" ".join(value for value in row if value) for row in rows]
    found = measure(bundled, texts)
    assert catalog_note("bundled", found) == ""
    assert found.unknown_tokens < 0.01
    assert sum(share for code, share in found.languages.items() if code != "en") < MOST_OTHER / 2


def test_languages_are_shares_of_the_texts():
    assert language_shares([]) == {}
    english = "The library draws charts and maps in a browser window, quickly and without a plugin."
    shares = language_shares([GERMAN, GERMAN, english, "x"])
    assert shares == {"de": 0.5, "en": 0.25}
