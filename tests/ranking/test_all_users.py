"""Recommendations for all users: the same as one by one, in a file that is whole or not there."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap

import numpy as np
import polars as pl
import pytest
from toy import ToyEncoder
from typer.testing import CliRunner
from workspace_copies import copy_workspace

import semrec.workspace.encoders
from semrec import Item, Recommender
from semrec.config import Settings
from semrec.errors import ConfigError, QueryError, StoreError, UnknownFieldError
from semrec.ranking.all_users import Batch, recommend_all
from semrec.ranking.catalog_scores import BlockSizes
from semrec.ranking.filters import parse_where

WORDS = ("red", "green", "blue", "round", "square")
N_ITEMS, N_USERS, SIGNALS = 60, 50, ("text", "collaborative", "item_item", "popularity")


def shop_items():
    """Items whose texts differ in the number of each word, so that hardly two score the same."""
    rng = np.random.default_rng(0)
    return [
        Item(
            f"i{n}",
            f"Title {n}",
            " ".join(
                word for word, count in zip(WORDS, rng.integers(0, 5, 5), strict=True) for _ in range(count)
            ),
            {"size": n % 7, "club": str(n % 3), "day": f"2026-0{1 + n % 9}-0{1 + n // 9}" if n % 5 else None},
        )
        for n in range(N_ITEMS)
    ]


def shop_events():
    """Users who like items of a club, dislikes and ratings among them; and users nobody knows much of."""
    rng = np.random.default_rng(1)
    rows = []
    for user in range(N_USERS):
        items = rng.choice(np.arange(user % 3, N_ITEMS, 3), size=1 + user % 9, replace=False)
        for place, item in enumerate(items):
            kind = "dislike" if place % 5 == 4 else "view"
            rows.append((f"u{user}", f"i{item}", kind, None, 1.6e9 + 3600 * (100 * user + place)))
        if user % 4 == 0:
            rows.append((f"u{user}", f"i{(user * 7) % N_ITEMS}", "rate", float(1 + user % 5), 1.61e9))
    rows += [
        ("u-unknown-item", "gone", "view", None, 1.6e9),
        ("u-unknown-kind", "i1", "stare", None, 1.6e9),
        ("u-neutral", "i1", "rate", 3.0, 1.6e9),
        ("u-dislikes", "i1", "dislike", None, 1.6e9),
        ("ü 'quoted', 中文", "i5", "view", None, 1.6e9),
    ]
    columns = ["user_id", "item_id", "kind", "value", "time"]
    return pl.DataFrame(rows, schema=columns, orient="row", infer_schema_length=None)


def open_shop(folder, **options):
    return Recommender(folder, Settings(encoder={"model": "toy"}, **options), encoder=ToyEncoder(20))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Workspaces to copy: with events, and with models."""
    folder = tmp_path_factory.mktemp("made")
    with open_shop(folder / "loaded") as recommender:
        recommender.index(shop_items())
        recommender.add_events(shop_events())
    copy_workspace(folder / "loaded", folder / "fitted")
    with open_shop(folder / "fitted") as recommender:
        recommender.fit()
    return folder


@pytest.fixture
def loaded(made, tmp_path):
    return copy_workspace(made / "loaded", tmp_path / "loaded")


@pytest.fixture
def fitted(made, tmp_path):
    return copy_workspace(made / "fitted", tmp_path / "fitted")


SMALL = BlockSizes(histories=8, cells=8 * 2048, read_items=17)
"""Many blocks of users and chunks of items, although the shop is small."""


def in_small_blocks(recommender, output, k=10, where=None, progress=None, sizes=SMALL):
    """Do what `Recommender.recommend_all` does, in small blocks."""
    log = recommender.event_log(create=False)
    with recommender.reading() as generation:
        batch = Batch(k, parse_where(where, generation.manifest.fields).conditions, sizes=sizes)
        return recommend_all(generation, log, output, batch, progress)


def users_of(events):
    return sorted(events["user_id"].unique())


def one_by_one(recommender, user, **options):
    """Return what `recommend` says: item -> (rank, score, shares)."""
    return {
        item.item_id: (rank, item.score, item.signals)
        for rank, item in enumerate(recommender.recommend(user=user, **options), 1)
    }


def check_equal(file, recommender, users, *, k, **options):
    """Check that the file says of these users what `recommend` says, up to ties."""
    by_user = pl.read_parquet(file).partition_by("user_id", as_dict=True)
    for user in users:
        rows = by_user[(user,)]
        everything = one_by_one(recommender, user, k=N_ITEMS, **options)
        assert rows["rank"].to_list() == list(range(1, min(k, len(everything)) + 1)), user
        expected = sorted((score for _, score, _ in everything.values()), reverse=True)[:k]
        np.testing.assert_allclose(rows["score"], expected, rtol=2e-4, atol=2e-4, err_msg=user)
        for row in rows.iter_rows(named=True):
            _, score, signals = everything[row["item_id"]]
            assert row["score"] == pytest.approx(score, rel=2e-4, abs=2e-4)
            for name in (*SIGNALS, "freshness"):
                if f"share_{name}" in row:
                    assert row[f"share_{name}"] == pytest.approx(signals.get(name, 0), abs=2e-3)


# -- the same as one by one ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [{}, {"events": {"half_life_days": 30}, "ranking": {"sharpness": 3.0, "sample_items": 13}}],
)
def test_every_user_gets_what_recommend_gives(fitted, tmp_path, options):
    sizes = BlockSizes(8, 8 * options.get("ranking", {}).get("sample_items", 2048), 17)
    with open_shop(fitted, **options) as recommender:
        report = in_small_blocks(recommender, tmp_path / "recs.parquet", k=7, sizes=sizes)
        check_equal(report.output, recommender, users_of(shop_events()), k=7)
    n_users = len(users_of(shop_events()))
    assert (report.n_users, report.n_popular, report.n_skipped) == (n_users, 3, 0)
    assert report.n_rows == 7 * n_users
    assert report.users_a_second > 0
    assert "3 users without events that count got what is popular" in " ".join(report.notes)
    recs = pl.read_parquet(report.output)
    assert recs.columns == ["user_id", "rank", "item_id", "score", *(f"share_{name}" for name in SIGNALS)]
    assert not (tmp_path / "recs.parquet.parts").exists()


@pytest.mark.parametrize("pooling", ["soft_nearest", "centred_mean", "mean"])
def test_before_the_first_fit_text_alone_speaks(loaded, tmp_path, pooling):
    with open_shop(loaded, ranking={"text_pooling": pooling}) as recommender:
        report = recommender.recommend_all(tmp_path / "recs.parquet", k=5)
        known = [user for user in users_of(shop_events()) if user.startswith("u") and user[1:].isdigit()]
        unknown = {"u-unknown-item", "u-unknown-kind", "u-neutral"}
        check_equal(report.output, recommender, [*known, *unknown], k=5)
    assert (report.n_popular, report.n_skipped) == (3, 0)
    assert "got what is central in the groups of the catalog" in " ".join(report.notes)
    recs = pl.read_parquet(report.output)
    assert recs.columns == ["user_id", "rank", "item_id", "score", "share_text", "share_central"]
    central = recs.filter(pl.col("share_central") > 0)
    assert set(central["user_id"]) == unknown


def test_filters(fitted, tmp_path):
    where = {"size": {"gte": 2, "lt": 5}, "club": ["0", "2"]}
    with open_shop(fitted) as recommender:
        report = recommender.recommend_all(tmp_path / "recs.parquet", k=4, where=where)
        check_equal(report.output, recommender, ["u3", "u10", "u-neutral"], k=4, where=where)
        with pytest.raises(UnknownFieldError, match="colour"):
            recommender.recommend_all(tmp_path / "recs.parquet", where={"colour": "red"})
        nothing = recommender.recommend_all(tmp_path / "none.parquet", where={"club": "no such club"})
    assert nothing.n_rows == 0


def test_more_than_there_are_and_nothing_seen(fitted, tmp_path):
    with open_shop(fitted) as recommender:
        report = recommender.recommend_all(tmp_path / "recs.parquet", k=1000)
    recs = pl.read_parquet(report.output)
    seen = shop_events().select("user_id", "item_id")  # also of a kind without a weight
    assert recs.join(seen, on=["user_id", "item_id"]).is_empty()
    n_seen = dict(seen.filter(pl.col("item_id") != "gone").unique().group_by("user_id").len().iter_rows())
    for (user,), rows in recs.group_by("user_id"):
        assert sorted(rows["rank"]) == list(range(1, N_ITEMS - n_seen.get(user, 0) + 1))
        assert rows.sort("rank")["score"].is_sorted(descending=True)


def test_users_nobody_knows_may_be_left_out(fitted, tmp_path):
    with open_shop(fitted) as recommender:
        report = recommender.recommend_all(tmp_path / "recs.parquet", k=2, popular=False)
    assert (report.n_popular, report.n_skipped) == (0, 3)
    assert "u-neutral" not in pl.read_parquet(report.output)["user_id"]


@pytest.mark.parametrize(("workspace", "got"), [("loaded", "new"), ("fitted", "popular and new")])
def test_users_nobody_knows_get_what_is_new_where_dates_are_known(made, tmp_path, workspace, got):
    with open_shop(
        made / workspace, ranking={"freshness_field": "day", "freshness_half_life_days": 30}
    ) as recommender:
        report = in_small_blocks(recommender, tmp_path / "recs.parquet", k=5)
        check_equal(report.output, recommender, users_of(shop_events()), k=5)
    assert report.n_popular == 3
    assert f"3 users without events that count got what is {got}." in report.notes
    shares = pl.read_parquet(report.output).group_by("user_id").agg(pl.col("share_freshness").max())
    assert {user for user, share in shares.iter_rows() if share > 0} == {
        "u-unknown-item",
        "u-unknown-kind",
        "u-neutral",
    }


def test_a_field_without_dates_is_told_before_anything_is_written(fitted, tmp_path):
    with (
        open_shop(fitted, ranking={"freshness_field": "club"}) as recommender,
        pytest.raises(ConfigError, match="freshness_field 'club' holds no dates"),
    ):
        recommender.recommend_all(tmp_path / "recs.parquet")
    assert not (tmp_path / "recs.parquet").exists()


def test_an_emptied_index_is_told(loaded, tmp_path):
    with open_shop(loaded) as recommender:
        recommender.delete_items([item.item_id for item in shop_items()])
        with pytest.raises(ConfigError, match=r"the index holds no items.*semrec index"):
            recommender.recommend_all(tmp_path / "recs.parquet")
    assert not (tmp_path / "recs.parquet").exists()


def test_an_empty_log_makes_an_empty_file(fitted, tmp_path):
    with open_shop(fitted) as recommender:
        log = recommender.event_log(create=False)
        for user in list(log.users()):
            log.delete_user(user)
        report = recommender.recommend_all(tmp_path / "recs.parquet")
    assert (report.n_users, report.n_rows) == (0, 0)
    assert report.notes == ("the event log has no users; the file has no rows.",)
    recs = pl.read_parquet(report.output)
    assert (len(recs), recs.schema["rank"], recs.schema["score"]) == (0, pl.Int32, pl.Float32)


def test_without_a_log_nothing_is_written(fitted, tmp_path):
    (fitted / "events.db").unlink()
    with open_shop(fitted) as recommender, pytest.raises(StoreError, match="load events first"):
        recommender.recommend_all(tmp_path / "recs.parquet")
    assert [path.name for path in tmp_path.iterdir()] == ["fitted"]


# -- whole or not there -------------------------------------------------------------------------------


class StopError(Exception):
    """Somebody pulls the plug."""


def stop_after(n_users):
    def progress(done, _):
        if done >= n_users:
            raise StopError

    return progress


def test_a_run_that_was_stopped_goes_on(fitted, tmp_path):
    output = tmp_path / "recs.parquet"
    with open_shop(fitted) as recommender:
        whole = in_small_blocks(recommender, tmp_path / "whole.parquet")
        with pytest.raises(StopError):
            in_small_blocks(recommender, output, progress=stop_after(16))
        assert not output.exists()
        (output.parent / "recs.parquet.parts" / "000000000000.parquet.new").write_text("torn")
        heard = []
        report = in_small_blocks(recommender, output, progress=lambda *said: heard.append(said))
        assert report.n_resumed >= 16
        assert heard[-1] == (report.n_users, report.n_users)
        assert len(heard) == (report.n_users - report.n_resumed + 7) // 8
        assert (report.n_rows, report.n_popular) == (whole.n_rows, whole.n_popular)
    assert pl.read_parquet(output).equals(pl.read_parquet(whole.output))
    assert not (tmp_path / "recs.parquet.parts").exists()


def test_after_a_change_an_unfinished_run_is_begun_anew(fitted, tmp_path):
    output = tmp_path / "recs.parquet"
    output.write_text("the old one")
    with open_shop(fitted) as recommender:
        with pytest.raises(StopError):
            in_small_blocks(recommender, output, progress=stop_after(16))
        recommender.fit(seed=1)
        with pytest.raises(StopError):
            in_small_blocks(recommender, output, progress=stop_after(16))
        assert output.read_text() == "the old one"
        report = in_small_blocks(recommender, output, k=3)
    assert report.n_resumed == 0
    assert "started again, because this has changed since: k." in report.notes[0]
    assert report.generation == 3
    assert pl.read_parquet(output)["rank"].max() == 3


def test_a_killed_process_leaves_what_it_finished(fitted, tmp_path):
    output = tmp_path / "recs.parquet"
    script = textwrap.dedent(f"""
        import pathlib, sys, time
        sys.path[:0] = {[os.path.dirname(__file__), *sys.path]!r}
        from test_all_users import in_small_blocks, open_shop
        def progress(done, total):
            print(done, flush=True)
            time.sleep(60 if done >= 16 else 0)
        with open_shop(pathlib.Path({str(fitted)!r})) as recommender:
            in_small_blocks(recommender, pathlib.Path({str(output)!r}), progress=progress)
    """)
    child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    done = 0
    while done < 16:
        done = int(child.stdout.readline())
    copy = copy_workspace(fitted, tmp_path / "copy")
    with open_shop(copy) as recommender, pytest.raises(ConfigError, match="another process is writing"):
        recommender.recommend_all(output)
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    with open_shop(fitted) as recommender:
        report = in_small_blocks(recommender, output)
    assert report.n_resumed >= 16
    assert pl.read_parquet(output)["user_id"].n_unique() == report.n_users


@pytest.mark.parametrize("name", ["", "missing/recs.parquet", "file/recs.parquet"])
def test_a_path_that_cannot_be_written(fitted, tmp_path, name):
    (tmp_path / "file").write_text("")
    with open_shop(fitted) as recommender, pytest.raises(ConfigError, match="cannot write"):
        recommender.recommend_all(tmp_path / name)


@pytest.mark.parametrize("k", [0, 1001, True])
def test_k_is_checked_first(fitted, tmp_path, k):
    with open_shop(fitted) as recommender, pytest.raises(QueryError, match="k is how many"):
        recommender.recommend_all(tmp_path / "recs.parquet", k=k)


# -- the command --------------------------------------------------------------------------------------


@pytest.fixture
def run(monkeypatch):
    from semrec.cli.commands import app

    monkeypatch.setattr(semrec.workspace.encoders, "load_encoder", lambda *_, **__: ToyEncoder(20))

    def run(*arguments):
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, result.stdout, result.stderr

    return run


def test_the_command_writes_and_tells(run, fitted, tmp_path):
    output = tmp_path / "recs.parquet"
    arguments = ("recommend", "--all-users", "--output", output, "-w", fitted, "-k", 2, "--where", "size<=3")
    status, out, err = run(*arguments, "--json")
    assert status == 0
    told = json.loads(out)
    assert told["n_rows"] == len(pl.read_parquet(output)) == 2 * told["n_users"]
    assert "users/s" in err
    assert "got what is popular" in err


@pytest.mark.parametrize(
    "arguments",
    [
        ("--all-users",),
        ("--output", "x.parquet"),
        ("--all-users", "--output", "x.parquet", "--text", "red"),
        ("--all-users", "--output", "x.parquet", "--user", "u1"),
        ("--all-users", "--output", "missing/x.parquet"),
        ("--all-users", "--output", "x.parquet", "-k", 0),
    ],
)
def test_bad_use_exits_2(run, fitted, tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    status, out, err = run("recommend", "-w", fitted, *arguments)
    assert (status, out) == (2, "")
    assert "error: " in err
    assert [path.name for path in tmp_path.iterdir()] == ["fitted"]


# -- size ---------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_memory_does_not_grow_with_the_users(tmp_path):
    """Ten times the users need hardly more memory: measured in processes of their own."""
    peaks = {}
    for n_users in (3_000, 30_000):
        script = textwrap.dedent(f"""
            import pathlib, resource, sys
            sys.path[:0] = {[os.path.dirname(__file__), *sys.path]!r}
            import numpy as np, polars as pl
            from semrec import Item
            from test_all_users import WORDS, open_shop
            folder, rng = pathlib.Path({str(tmp_path / str(n_users))!r}), np.random.default_rng(0)
            texts = [" ".join(rng.choice(WORDS, 6)) for _ in range(2000)]
            with open_shop(folder) as recommender:
                recommender.index([Item(f"i{{n}}", "", text) for n, text in enumerate(texts)])
                users = np.repeat(np.arange({n_users}), 5)
                recommender.add_events(pl.DataFrame({{
                    "user_id": [f"u{{user}}" for user in users],
                    "item_id": [f"i{{item}}" for item in rng.integers(0, 2000, len(users))],
                }}))
            with open_shop(folder) as recommender:
                report = recommender.recommend_all(folder / "recs.parquet")
                peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
                print(peak, report.n_rows, report.users_a_second)
        """)
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        peak, n_rows, _ = done.stdout.split()
        assert int(n_rows) == 10 * n_users
        peaks[n_users] = int(peak) * 1024
    assert peaks[30_000] < peaks[3_000] + 150e6
