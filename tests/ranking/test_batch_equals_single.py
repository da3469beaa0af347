"""One pipeline: all users at once get what each user gets alone, by every registered signal."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import polars as pl
import pytest
from toy import ToyEncoder

from semrec import Item, Recommender
from semrec.config import Settings
from semrec.ranking.sentences import reason_sentence, signal_shares
from semrec.signals import SIGNALS, Signal, SignalContext, SignalQuery, register
from semrec.signals.standard import LinearStandard
from semrec.store import ScoreQuery, Search, VectorField

WORDS = ("red", "green", "blue", "round", "square")
N_ITEMS = 40


class Brevity(Signal):
    """A signal that the test adds: short texts first, for every asker."""

    name = "brevity"
    label = "short texts"
    source = "text"
    sentence = "It is short."
    impersonal = True
    default_weight = 0.25
    warm_prior = 0.2
    cold_prior = 0.2
    sample_fields = ("brevity",)
    direction: ClassVar = np.ones((1, 1), np.float32)

    def __init__(self, standard):
        self._standard = standard

    @classmethod
    def open(cls, context: SignalContext):
        sample = context.sample
        return cls(None if sample is None else LinearStandard(sample.keys, sample.vectors("brevity")))

    @classmethod
    def catalog_fields(cls, dimension, *, quantized=False):
        return (VectorField("brevity", "dense", 1, "dot"),)

    @classmethod
    def catalog_vectors(cls, items):
        return {"brevity": [np.array([-np.log1p(len(text))], np.float32) for text in items.texts]}

    def ask(self, question):
        query = self.direction[:, 0]
        part = SignalQuery(
            self.name,
            "catalog",
            *self._standard.of(self.direction, question.history),
            searches=(Search("brevity", query, question.limit),),
            requests=(ScoreQuery("brevity", query),),
        )
        return [part]

    def score_catalog(self, catalog, histories, rows):
        return np.repeat(catalog.dense("brevity")[rows].T, len(histories), axis=0)


@pytest.fixture(scope="module")
def brevity():
    """Register the signal for the tests of this module."""
    register(Brevity)
    yield Brevity
    SIGNALS.remove(Brevity)


def items():
    rng = np.random.default_rng(0)
    return [
        Item(
            f"i{n}",
            f"Title {n}",
            " ".join(w for w, count in zip(WORDS, rng.integers(0, 5, 5), strict=True) for _ in range(count)),
            {"club": str(n % 3), "day": f"2026-0{1 + n % 9}-0{1 + n // 9}" if n % 5 else None},
        )
        for n in range(N_ITEMS)
    ]


def events():
    rng = np.random.default_rng(1)
    rows = [
        (f"u{user}", f"i{item}", "dislike" if place == 4 else "view", 1.7e9 + 3600.0 * place)
        for user in range(40)
        for place, item in enumerate(
            rng.choice(np.arange(user % 3, N_ITEMS, 3), size=1 + user % 8, replace=False)
        )
    ]
    rows += [("unknown", "gone", "view", 1.7e9), ("dislikes", "i1", "dislike", 1.7e9)]
    return pl.DataFrame(rows, schema=["user_id", "item_id", "kind", "time"], orient="row")


@pytest.fixture(scope="module")
def shop(brevity, tmp_path_factory):
    """A fitted shop with dates, where some users have muted or weighed interests."""
    settings = Settings(encoder={"model": "toy"}, ranking={"freshness_field": "day"})
    folder = tmp_path_factory.mktemp("one-pipeline") / "shop"
    with Recommender(folder, settings, encoder=ToyEncoder(20)) as recommender:
        recommender.index(items())
        recommender.add_events(events())
        recommender.fit()
        for user, weight in (("u6", 0.0), ("u7", 0.0), ("u15", 3.0), ("u0", 0.0)):
            interest = recommender.user_profile(user).interests[0]
            recommender.set_interests(user, {interest.item_id: weight})
        yield recommender


@pytest.mark.parametrize("where", [None, {"club": ["0", "2"]}], ids=["all items", "filtered"])
def test_all_users_get_what_each_gets_alone(shop, tmp_path, where):
    report = shop.recommend_all(tmp_path / "all.parquet", k=N_ITEMS, where=where)
    by_user = pl.read_parquet(report.output).partition_by("user_id", as_dict=True)
    assert len(by_user) == 42
    for (user,), rows in by_user.items():
        alone = {item.item_id: item for item in shop.recommend(user=user, k=N_ITEMS, where=where)}
        assert set(rows["item_id"]) == set(alone), user
        for row in rows.iter_rows(named=True):
            item = alone[row["item_id"]]
            assert row["score"] == pytest.approx(item.score, rel=1e-4, abs=1e-4), user
            shares = {name: row[f"share_{name}"] for name in item.signals}
            assert shares == pytest.approx(dict(item.signals), rel=1e-3, abs=1e-3), user


def test_a_muted_interest_changes_both(shop, tmp_path):
    profile = shop.user_profile("u7")
    assert profile.interests[0].weight == 0
    report = shop.recommend_all(tmp_path / "muted.parquet", k=5)
    muted = pl.read_parquet(report.output).filter(pl.col("user_id") == "u7")["score"].to_list()
    shop.set_interests("u7", {profile.interests[0].item_id: 1.0})
    report = shop.recommend_all(tmp_path / "unmuted.parquet", k=5)
    unmuted = pl.read_parquet(report.output).filter(pl.col("user_id") == "u7")["score"].to_list()
    shop.set_interests("u7", {profile.interests[0].item_id: 0.0})
    assert not np.allclose(muted, unmuted, atol=1e-3)


def test_a_registered_signal_is_everywhere(shop, tmp_path):
    assert "brevity" in shop.info()["signals"]
    with shop.reading() as generation:
        assert "brevity" in generation.learned.weights.signals
    report = shop.recommend_all(tmp_path / "all.parquet", k=3)
    assert "share_brevity" in pl.read_parquet(report.output).columns
    evaluated = shop.evaluate(events(), baselines="none")
    assert all("brevity" in weights for weights in evaluated.weights.values())
    answer = shop.recommend(user="u3", weights={"brevity": 2.0})
    assert {"brevity"} <= set(answer[0].signals)
    alone = dict.fromkeys(("text", "collaborative", "item_item", "popularity", "freshness"), 0.0)
    shortest = shop.recommend(user="u3", weights={**alone, "brevity": 1.0})[0]
    assert reason_sentence(shortest) == "It is short."
    assert signal_shares(shortest) == "short texts 100 %"


def test_fit_reports_what_a_registered_signal_adds(shop):
    report = shop.fit()
    assert "brevity" in report.learning["gain"]
    assert "brevity" in report.learning["warm"]
