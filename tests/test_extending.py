"""What docs/extending.md shows runs as it stands, and is in effect afterwards."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from qdrant_client import QdrantClient
from toy import ToyEncoder

from semrec import Recommender, Settings
from semrec.evaluation import evaluate
from semrec.evaluation.accuracy import ACCURACY
from semrec.evaluation.splits import SPLITS
from semrec.signals import SIGNALS

PAGE = (Path(__file__).parents[1] / "docs" / "extending.md").read_text(encoding="utf-8")
BLOCKS = dict(
    re.findall(r"^## (.+?)\n(?:(?!^## ).)*?^```python\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
)
ROWS = [{"id": f"i{n}", "title": f"red {n}", "text": "red round " * (1 + n)} for n in range(20)]


def run(section):
    """Execute the code of a section; return what it defines."""
    names = {"__name__": "extending"}
    exec(compile(BLOCKS[section], section, "exec"), names)
    return names


@pytest.mark.parametrize("section", ["A signal", "A reader", "An encoder", "A store", "A metric"])
def test_each_takes_at_most_40_lines(section):
    assert len([line for line in BLOCKS[section].splitlines() if line.strip()]) <= 40


def test_a_signal(tmp_path):
    signal = run("A signal")["Brevity"]
    try:
        with Recommender(tmp_path / "shop", Settings(), encoder=ToyEncoder()) as recommender:
            recommender.index(ROWS)
            answer = recommender.recommend(history=["i5"], k=3, weights={"text": 0.0})
            assert recommender.info()["signals"] == ["text", "bm25", "central", "brevity"]
        assert [item.item_id for item in answer] == ["i0", "i1", "i2"]
        assert dict(answer[0].signals) == {"brevity": 1.0}
    finally:
        SIGNALS.remove(signal)


def test_a_reader(tmp_path):
    feed = tmp_path / "feed.xml"
    feed.write_text(
        '<feed xmlns="http://www.w3.org/2005/Atom"><entry><id>a</id><title>Red</title>'
        "<summary>red and round</summary><updated>2026-01-02</updated></entry></feed>"
    )
    with Recommender(tmp_path / "shop", Settings(), encoder=ToyEncoder()) as recommender:
        recommender.index(run("A reader")["read_feed"](str(feed)))
        (record,) = recommender.items(["a"])
    assert (record.title, dict(record.metadata)) == ("Red", {"updated": "2026-01-02"})


def test_an_encoder(tmp_path):
    encoder = run("An encoder")["HashedWords"]()
    with Recommender(tmp_path / "shop", Settings(), encoder=encoder) as recommender:
        recommender.index([{"id": "a", "text": "blue whale"}, {"id": "b", "text": "green tea"}])
        assert recommender.info()["encoder"] == "hashed-words"
        assert recommender.recommend(text="whale", k=1)[0].item_id == "a"


@pytest.mark.filterwarnings("ignore:Payload indexes have no effect in the local Qdrant")
def test_a_store(tmp_path):
    store = run("A store")["MemoryStore"]("shop")
    with Recommender(tmp_path / "shop", Settings(), store=store, encoder=ToyEncoder()) as recommender:
        recommender.index(ROWS)
        assert recommender.info()["store"] == "memory"
        assert len(recommender.similar("i1", k=2)) == 2
    assert not (tmp_path / "shop" / "generations").exists()
    assert QdrantClient


def test_a_metric():
    run("A metric")
    try:
        events = pl.DataFrame(
            {"user_id": [f"u{n // 4}" for n in range(40)], "item_id": [f"i{n % 7}" for n in range(40)]}
        )
        split = SPLITS["random"](events, share=0.3, seed=0)
        recommenders = {
            "constant": lambda users: np.tile(np.arange(len(split.items)), (len(users), 1)).astype(np.float32)
        }
        measures = evaluate(recommenders, split, k=3).find("hit_at_one")
        assert 0 <= measures[0].value <= 1
    finally:
        del ACCURACY["hit_at_one"]
