"""Weights that a question or the settings give: one must be above 0, and each must be of a signal."""

from __future__ import annotations

import pytest
from club_shop import EVENTS, club_catalog, load, open_shop

from semrec.config import RankingSettings
from semrec.errors import ConfigError, QueryError

ZERO = {"text": 0.0, "bm25": 0.0, "collaborative": 0.0, "item_item": 0.0, "popularity": 0.0}


def test_a_question_without_weights_is_refused(club_shop):
    for question in ({"history": ["0-1"]}, {"text": "red"}, {"user": "u1"}):
        with pytest.raises(QueryError, match=r"give one of them a weight above 0: .*text"):
            club_shop.recommend(**question, weights=ZERO)
    assert len(club_shop.recommend(history=["0-1"], weights={**ZERO, "text": 0.5}, k=3)) == 3


def test_a_weight_that_does_not_speak_of_the_question_is_not_enough(club_shop):
    with pytest.raises(QueryError, match="has weight 0"):
        club_shop.recommend(text="red", weights={**ZERO, "popularity": 1.0})


def test_settings_without_weights_are_refused(tmp_path):
    with open_shop(tmp_path / "shop", ranking=RankingSettings(signal_weights=ZERO)) as shop:
        shop.index(club_catalog())
        load(tmp_path / "shop", {"u1": EVENTS["u1"]})
        with pytest.raises(QueryError, match="has weight 0"):
            shop.recommend(text="red")
        with pytest.raises(ConfigError, match="SEMREC_SIGNAL_WEIGHTS"):
            shop.recommend_all(tmp_path / "all.parquet")


def test_a_weight_for_a_signal_that_does_not_exist_is_refused(own_fitted):
    settings = RankingSettings(signal_weights={"txt": 2.0})
    expected = "there is no signal 'txt'; the signals are text, bm25"
    with open_shop(own_fitted, ranking=settings) as shop, pytest.raises(ConfigError, match=expected):
        shop.recommend(text="red")
