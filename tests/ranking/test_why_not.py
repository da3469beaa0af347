"""Why an item is not among the recommendations: filters in words, and items that no search found."""

from __future__ import annotations

from toy import ToyEncoder

from semrec import Item, Recommender
from semrec.config import Settings


def test_an_item_that_no_search_found_has_a_score_and_the_last_rank(tmp_path):
    red = [Item(f"r{n}", "red " + "square " * (n % 5)) for n in range(30)]
    settings = Settings(ranking={"candidates": 10})
    with Recommender(tmp_path / "shop", settings, encoder=ToyEncoder()) as recommender:
        recommender.index([*red, Item("g", "green")])
        answer = recommender.why_not("g", text="red", k=2)
        found = recommender.why_not("r0", text="red", k=2)
    assert answer.verdict == "not_found"
    assert answer.standing.rank == answer.n_candidates == found.n_candidates + 1
    assert answer.standing.score < answer.last.score
