"""`semrec finetune`."""

from __future__ import annotations

import json

import pytest
from commands import as_json, invoke, one_line
from word_shop import open_word_shop, word_items

FAST = ("--texts", 60 * 256, "--minutes", 2, "--learning-rate", 0.01)


@pytest.fixture(scope="module")
def word_shop_folder(tmp_path_factory):
    """A shop with a tiny encoder and events."""
    folder = tmp_path_factory.mktemp("finetune") / "shop"
    open_word_shop(folder).close()
    return folder


@pytest.mark.slow
def test_a_shop_is_tuned_and_the_advice_works(word_shop_folder, tmp_path):
    output = tmp_path / "own"
    status, out, err = invoke("finetune", "-w", word_shop_folder, "--output", output, *FAST)
    assert status == 0
    assert "items without events, text" in one_line(out)
    assert f"the tuned encoder is in {output}" in one_line(err)
    catalog = tmp_path / "catalog.jsonl"
    catalog.write_text(
        "".join(json.dumps({"id": item.item_id, "title": item.title}) + "\n" for item in word_items())
    )
    advice = one_line(err).split("semrec index CATALOG ")[1].split(" semrec fit")[0].split()
    status, _, err = invoke("index", catalog, *advice)
    assert status == 0, err
    assert as_json("info", "-w", word_shop_folder)["encoder"] == str(output)
    assert invoke("rollback", "-w", word_shop_folder)[0] == 0
    assert "tiny" in as_json("info", "-w", word_shop_folder)["encoder"]


def test_a_model_that_is_no_sentence_encoder_is_refused_in_one_line(word_shop_folder, tmp_path):
    folder = tmp_path / "not-an-encoder"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    status, _, err = invoke("finetune", "-w", word_shop_folder, "--model", folder, *FAST)
    assert status == 1
    assert "cannot load the encoder" in one_line(err)
    assert invoke("recommend", "-w", word_shop_folder, "--history", "i0")[0] == 0


def test_a_shop_without_events_is_told_what_to_do(tmp_path):
    with open_word_shop(tmp_path / "shop", n_items=10):
        pass
    status, _, err = invoke("finetune", "-w", tmp_path / "shop", *FAST)
    assert status == 2
    assert "there are 10 and" in one_line(err)
    assert "semrec events FILE" in one_line(err)


@pytest.mark.parametrize(
    ("option", "value", "reason"),
    [
        ("--minutes", 0, "minutes must be above 0"),
        ("--lora", -1, "lora_rank"),
        ("--learning-rate", 2, "between 0 and 1"),
    ],
)
def test_options_out_of_range(word_shop_folder, option, value, reason):
    status, _, err = invoke("finetune", "-w", word_shop_folder, option, value)
    assert status == 2
    assert reason in one_line(err)
