"""Event frames from files of any format; only bad rows are rejected."""

from __future__ import annotations

import datetime
import json

import polars as pl
import pytest

from semrec.errors import CatalogError, ConfigError
from semrec.events.event_columns import EventMapping
from semrec.events.log import AppendReport, EventLog
from semrec.indexer.event_source import open_events

ROWS = [
    {"user_id": "u1", "item_id": "a", "kind": "Buy ", "value": 2, "time": 1_600_000_000},
    {"user_id": "u2", "item_id": "b", "kind": "view", "value": None, "time": None},
    {"user_id": 3, "item_id": 4.0, "kind": None, "value": 1.5, "time": 1_600_000_001.5},
]
EVENTS = [
    ("u1", "a", "buy", 2.0, 1.6e9),
    ("u2", "b", "view", None, None),
    ("3", "4", "view", 1.5, 1_600_000_001.5),
]


def read(source, *arguments, **options):
    opened = open_events(source, *arguments, **options)
    return [row for frame in opened for row in frame.rows()], opened


def write(path, kind):
    frame = pl.DataFrame(
        [{**row, "user_id": str(row["user_id"]), "item_id": str(row["item_id"])} for row in ROWS]
    )
    if kind == "csv":
        frame.write_csv(path)
    elif kind == "parquet":
        frame.write_parquet(path)
    else:
        path.write_text("\n".join(map(json.dumps, ROWS)))


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_all_formats_have_the_same_events(tmp_path, kind):
    path = tmp_path / f"events.{kind}"
    write(path, kind)
    found, source = read(path)
    expected = EVENTS if kind == "jsonl" else [*EVENTS[:2], ("3", "4.0", *EVENTS[2][2:])]
    assert found == expected
    assert not source.rejected
    assert 'user: column "user_id" (guessed)' in source.notes


def test_frames_and_dicts():
    assert read(ROWS)[0] == EVENTS
    assert read(iter(ROWS))[0] == EVENTS
    assert read(pl.DataFrame({"user": ["u"], "item": ["i"]}))[0] == [("u", "i", "view", None, None)]


def test_loading_a_file_twice_changes_nothing(tmp_path):
    write(tmp_path / "events.csv", "csv")
    with EventLog.open(tmp_path) as log:
        assert log.append(open_events(tmp_path / "events.csv")) == AppendReport(added=3)
        assert log.append(open_events(tmp_path / "events.csv")) == AppendReport(repeated=3)


def test_movielens_needs_no_options(tmp_path):
    path = tmp_path / "ratings.csv"
    path.write_text("userId,movieId,rating,timestamp\n1,31,2.5,1260759144\n1,32,,1260759145\n")
    found, source = read(path)
    assert found == [("1", "31", "rate", 2.5, 1260759144.0), ("1", "32", "view", None, 1260759145.0)]
    assert "time: numbers are unix time in s (guessed)" in source.notes


def test_columns_can_be_named(tmp_path):
    path = tmp_path / "events.csv"
    path.write_text("who,what,how,n,at\nu,i,click,3,1600000000000\n")
    mapping = EventMapping(user="who", item="what", kind="how", value="n", time="at")
    found, source = read(path, mapping)
    assert found == [("u", "i", "click", 3.0, 1.6e9)]
    assert "time: numbers are unix time in ms (guessed)" in source.notes
    assert read(path, EventMapping("who", "what", default_kind="buy"))[0] == [("u", "i", "buy", None, None)]


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        (1_600_000_000, 1.6e9), (1_600_000_000_000, 1.6e9), (1_600_000_000_000_000, 1.6e9),
        ("1600000000", 1.6e9),
        ("2020-09-13T12:26:40Z", 1.6e9), ("2020-09-13 14:26:40+02:00", 1.6e9), ("2020-09-13T12:26:40", 1.6e9),
        ("2020-09-13T12:26:40.500Z", 1.6e9 + 0.5),
        ("2020-09-13", 1_599_955_200.0), ("20200913T122640Z", 1.6e9),
        (datetime.datetime(2020, 9, 13, 12, 26, 40), 1.6e9), (datetime.date(2020, 9, 13), 1_599_955_200.0),
        (datetime.datetime(2020, 9, 13, 12, 26, 40, tzinfo=datetime.UTC), 1.6e9), (None, None), ("", None),
    ],
)  # fmt: skip
def test_times(written, seconds):
    assert read([{"user": "u", "item": "i", "time": written}])[0][0][4] == seconds


def test_bad_rows_are_rejected_with_number_and_reason(tmp_path):
    path = tmp_path / "events.csv"
    path.write_bytes(
        b"user,item,rating,time\n"
        b"u,good,5,1600000000\n"
        b",i,5,\n"
        b"u,,5,\n"
        b"u,i,five,\n"
        b"u,i,NaN,\n"
        b"u,i,1_0,\n"
        b"u,i,5,yesterday\n"
        b"u,i,5,inf\n"
        b"u\xff,i,5,\n"
        b"u,i\n"
        b"u,last,4,\n"
    )
    rejects = []
    found, source = read(path, on_reject=rejects.append)
    assert [row[1] for row in found] == ["good", "last"]
    assert [reject.row for reject in rejects] == list(range(2, 11))
    told = " / ".join(reject.reason for reject in rejects)
    for reason in (
        '"user" is missing',
        '"item" is missing',
        "'five'",
        "NaN",
        "'1_0'",
        "'yesterday'",
        "UTF-8",
    ):
        assert reason in told
    assert sum(source.rejected.values()) == 9
    assert len(source.rejected) == 8


def test_bad_lines_of_json_are_rejected(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_text(
        '{"user": "u", "item": "i"}\nnot json\n[1]\n'
        '{"user": ["u"], "item": "i"}\n{"user": "u\\u0000", "item": 1}'
    )
    rejects = []
    found, _ = read(path, on_reject=rejects.append)
    assert found == [("u", "i", "view", None, None)]
    assert [reject.row for reject in rejects] == [2, 3, 4, 5]


def test_missing_columns_are_an_error(tmp_path):
    path = tmp_path / "events.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(CatalogError, match="no column looks like the user; name it with --user"):
        open_events(path)
    with pytest.raises(CatalogError, match='there is no column "c"'):
        open_events(path, EventMapping(user="c"))
    other = tmp_path / "other.csv"
    other.write_text("user,item\n1,2\n")
    with pytest.raises(CatalogError, match='there is no column "user", "item"'):
        open_events([other, path])
    with pytest.raises(ConfigError, match="unknown time format"):
        open_events(other, EventMapping(time_format="days"))


def test_an_iterator_is_read_once():
    source = open_events(iter(ROWS))
    assert sum(map(len, source)) == 3
    with pytest.raises(CatalogError, match="only once"):
        list(source)


def test_frames_have_at_most_so_many_rows():
    assert [len(frame) for frame in open_events(ROWS, batch_rows=2)] == [2, 1]
