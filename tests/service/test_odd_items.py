"""Odd items come through every door: none stops the shop, and none is half taken."""

from __future__ import annotations

import csv
import json
from collections import Counter
from contextlib import suppress
from functools import partial
from itertools import cycle

import pytest
from odd_items import as_json, odd_items
from qdrant_client import QdrantClient
from serving import start_app, wait_until_ready
from toy import ToyEncoder
from typer.testing import CliRunner

import semrec.workspace.encoders
from semrec import CatalogError, FieldMapping, Item, ItemRefusedError, Recommender, Settings
from semrec.cli.commands import app
from semrec.store.server import ServerStore

pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect in the local Qdrant")

ANCHORS = [
    Item(f"anchor {n}", "red thing", "red red", {"size": n, "price": n / 4, "kind": "a"}) for n in range(60)
]
SETTINGS = Settings(encoder={"model": "toy"}, index={"passage_tokens": 8})


class Shop:
    """A shop that is asked after every batch whether it still works.

    Parameters
    ----------
    engine : `edge` or `memory`.
    folder : of the workspace.
    """

    def __init__(self, engine, folder):
        self.folder = folder
        self._store = ServerStore("shop", client=QdrantClient(":memory:")) if engine == "memory" else None
        self._n_checks = 0
        self.recommender = self.reopened()
        self.recommender.index(ANCHORS)

    def check(self):
        """The shop answers, takes a good item, deletes one, and does so again when it is opened anew."""
        for _ in range(2):
            self._n_checks += 1
            good = Item(f"good {self._n_checks}", "red", "red", {"size": 1, "price": 1.5, "kind": "b"})
            assert self.recommender.put_items([good]).added == (good.item_id,)
            assert self.recommender.recommend(text="red", where={"kind": "a"}, k=3)
            assert [record.item_id for record in self.recommender.items([good.item_id])] == [good.item_id]
            assert self.recommender.delete_items([good.item_id]).deleted == (good.item_id,)
            assert self.recommender.info()["items_set_aside"] == 0
            self.recommender.close()
            self.recommender = self.reopened()

    def reopened(self):
        """Return a recommender as the next process would open it."""
        return Recommender(self.folder, SETTINGS, store=self._store, encoder=ToyEncoder(passage_tokens=8))


def put_each(shop, items):
    """Put every item alone; return how many were taken."""
    taken = 0
    for item in items:
        with suppress(CatalogError, ItemRefusedError):
            report = shop.recommender.put_items([item])
            taken += 1
            (item_id,) = report.added + report.changed + report.metadata + report.unchanged
            assert len(shop.recommender.items([item_id])) == 1
    return taken


def put_over_http(shop, items):
    """PUT every item alone; return how many were taken."""
    taken = 0
    # After 2,000 odd items there are hundreds of fields: a change may take seconds on a busy machine.
    with start_app(shop.recommender, service={"timeout_s": 60.0}) as client:
        wait_until_ready(client)
        for item in items:
            if body := as_json({"item_id" if name == "id" else name: value for name, value in item.items()}):
                content = f'{{"items": [{body}]}}'
                answer = client.put("/items", content=content, headers={"content-type": "application/json"})
                assert answer.status_code in (200, 400, 413, 422), answer.text
                assert len(answer.text) < 2000 or answer.status_code == 200
                taken += answer.status_code == 200
    shop.recommender = shop.reopened()
    return taken


def index_rows(shop, items):
    """Index the items as rows, with their metadata beside the other columns; return how many were taken."""
    rows = [{"id": "row", "title": "red", "text": "red", "kind": "row"}]
    for item in items:
        metadata = item["metadata"] if isinstance(item["metadata"], dict) else {"kind": item["metadata"]}
        rows.append({**metadata, **{name: item[name] for name in ("id", "title", "text")}})
    report = shop.recommender.index(iter(rows), mapping=FieldMapping("id", "title", "text"))
    n_items = report.n_added + report.n_changed + report.n_metadata + report.n_unchanged
    assert n_items + report.n_rejected == len(rows)
    return n_items


def index_file(shop, items, suffix):
    """Index the items from a file by the command; return how many were taken."""
    path = shop.folder.with_suffix(suffix)
    n_rows = write_jsonl(items, path) if path.suffix == ".jsonl" else write_csv(items, path)
    shop.recommender.close()
    columns = ["--id", "id", "--title", "title", "--text", "text"]
    command = ["index", str(path), *columns, "--workspace", str(shop.folder), "--json"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, (repr(result.exception)[:500], result.output[-1500:])
    report = json.loads(result.stdout)
    n_rejected = sum(report["rejected"].values())
    rejects = shop.folder / "rejects.jsonl"
    lines = rejects.read_text().splitlines() if n_rejected else []
    assert len(lines) == n_rejected
    for line in map(json.loads, lines):
        assert 1 <= line["row"] <= n_rows
        assert line["reason"]
    return n_rows - n_rejected


def write_jsonl(items, path):
    rows = [json.dumps({"id": "row", "title": "red", "text": "red"})]
    for item in items:
        metadata = item["metadata"] if isinstance(item["metadata"], dict) else {"kind": item["metadata"]}
        rows.append(as_json({**metadata, **{name: item[name] for name in ("id", "title", "text")}}))
    rows = [row for row in rows if row]
    path.write_text("".join(f"{row}\n" for row in rows))
    return len(rows)


def write_csv(items, path):
    names = ["id", "title", "text", "kind", "size", "a\\", "b.c", "[0]", "x" * 1000, "new"]
    with path.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerow(["row", "red", "red", *("" for _ in names[3:])])
        for item in items:
            metadata = item["metadata"] if isinstance(item["metadata"], dict) else {}
            values = [*metadata.values(), *("" for _ in names)][: len(names) - 3]
            writer.writerow([written(value) for value in (item["id"], item["title"], item["text"], *values)])
    return len(items) + 1


def written(value):
    """Return a value as the text of a CSV file, which has no NUL and no surrogates but those of bytes."""
    try:
        text = str(value)
    except (ValueError, RecursionError):
        text = "1" * 5000
    return text.replace("\0", "").encode("utf-8", "backslashreplace").decode()


@pytest.fixture
def toy_everywhere(monkeypatch):
    monkeypatch.setattr(
        semrec.workspace.encoders, "load_encoder", lambda *_, **__: ToyEncoder(passage_tokens=8)
    )
    monkeypatch.setenv("SEMREC_ENCODER_MODEL", "toy")
    monkeypatch.setenv("SEMREC_INDEX_PASSAGE_TOKENS", "8")


DOORS = {
    "put": put_each,
    "http": put_over_http,
    "rows": index_rows,
    "jsonl": partial(index_file, suffix=".jsonl"),
    "csv": partial(index_file, suffix=".csv"),
}


def fuzz(shop, doors, n_batches, n_items):
    """Put batches of odd items through one door after the other; return how many items each took."""
    taken = Counter()
    for seed, door in zip(range(n_batches), cycle(doors), strict=False):
        taken[door] += DOORS[door](shop, odd_items(seed, n_items))
        shop.check()
    return taken


@pytest.mark.parametrize(("engine", "doors"), [("edge", list(DOORS)), ("memory", ["put", "http", "rows"])])
def test_odd_items_stop_no_shop(engine, doors, tmp_path, toy_everywhere):
    shop = Shop(engine, tmp_path / "shop")
    taken = fuzz(shop, doors, len(doors), 25)
    assert min(taken[door] for door in doors) >= 25 // 5
    shop.recommender.close()


@pytest.mark.slow
def test_2000_odd_items_stop_no_shop(tmp_path, toy_everywhere):
    shop = Shop("edge", tmp_path / "shop")
    taken = fuzz(shop, DOORS, n_batches=40, n_items=50)
    assert min(taken[door] for door in DOORS) >= 400 // 5
    shop.recommender.close()
