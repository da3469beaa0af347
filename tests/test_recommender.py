"""The recommender end to end, on real items with the bundled encoder, on both engines."""

from __future__ import annotations

import json
import shutil
import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from qdrant_client import QdrantClient
from toy import ToyEncoder
from workspace_copies import copy_workspace

from semrec import Event, Item, Recommender, Settings
from semrec.errors import (
    CatalogError,
    ConfigError,
    EncoderError,
    QueryError,
    UnknownFieldError,
    UnknownItemError,
    WorkspaceError,
)
from semrec.ranking.explanation import by_reason, contributions
from semrec.ranking.history import known_history
from semrec.ranking.profile import find_interests
from semrec.signals import Question
from semrec.signals.blend import balance, blended_scores, scored_part
from semrec.store.edge import EdgeStore
from semrec.store.server import ServerStore
from semrec.types import item_keys

SCIENCE = ("python3-numpy", "python3-scipy", "python3-matplotlib", "python3-pandas")
GTK = ("libgtk-3-dev", "libcairo2-dev", "libpango1.0-dev", "libgdk-pixbuf-2.0-dev")
DAY = 86_400.0


@pytest.fixture(scope="module")
def client(indexed, tmp_path_factory):
    """A Qdrant in memory with the same points as the workspace `indexed`."""
    client = QdrantClient(":memory:")
    folder = copy_workspace(indexed, tmp_path_factory.mktemp("embedded") / "shop")
    embedded, server = EdgeStore(folder), ServerStore("shop", client=client)
    manifest, index = embedded.manifest(1), embedded.open(1)
    number, copy = server.create(manifest.vectors)
    for points in index.scan():
        copy.upsert(points)
    index.close()
    with warnings.catch_warnings():
        # It filters all the same, by looking at every point.
        warnings.filterwarnings("ignore", "Payload indexes have no effect in the local Qdrant")
        server.complete(number, copy, manifest)
    server.make_current(number)
    yield client
    client.close()


@pytest.fixture(scope="module")
def open_shop(client, indexed, bundled, tmp_path_factory):
    """Return a function that opens the catalog on an engine, with other settings."""
    opened = []

    def open_one(engine="memory", **given_settings):
        folder = tmp_path_factory.mktemp("shop") / "shop"
        copy_workspace(indexed, folder)
        store = ServerStore("shop", client=client) if engine == "memory" else None
        opened.append(Recommender(folder, Settings(**given_settings), store=store, encoder=bundled))
        return opened[-1]

    yield open_one
    for recommender in opened:
        recommender.close()


@pytest.fixture(scope="module")
def engines(open_shop):
    return {engine: open_shop(engine) for engine in ("edge", "memory")}


@pytest.fixture(params=["edge", "memory"])
def rec(request, engines):
    return engines[request.param]


@pytest.fixture(scope="module")
def edge(engines):
    return engines["edge"]


@pytest.fixture(scope="module")
def metadata(catalog):
    return {row["item_id"]: row for row in catalog.iter_rows(named=True)}


def ids(answer):
    return [item.item_id for item in answer]


def rank(answer, item_id):
    return ids(answer).index(item_id)


# -- what is asked -------------------------------------------------------------------------------------


def test_a_text_finds_what_it_describes(rec):
    answer = rec.recommend(text="play music files from the command line", k=5)
    assert {"mpg123", "mpg321", "sox", "mpd"} & set(ids(answer)[:3])
    scores = [item.score for item in answer]
    assert len(scores) == 5
    assert scores == sorted(scores, reverse=True)
    first = answer[0]
    assert first.because == ()
    assert first.passages.history is None
    assert first.passages.item.startswith(first.title)
    assert set(first.signals) == {"text", "bm25"}
    assert answer.interests == ()


def test_a_history_finds_what_is_like_it(rec, metadata):
    answer = rec.recommend(history=SCIENCE, k=5)
    assert {metadata[item]["categories"] for item in ids(answer)} == {"python"}
    assert not set(ids(answer)) & set(SCIENCE)
    for item in answer:
        assert item.signals == {"text": 1.0}
        assert {reason.item_id for reason in item.because} <= set(SCIENCE)
        shares = [reason.share for reason in item.because]
        assert shares == sorted(shares, reverse=True)
        assert metadata[item.because[0].item_id]["title"] in item.passages.history
    assert [interest.share for interest in answer.interests] == [pytest.approx(1)]


def test_like_these_but_about_something(rec, metadata):
    both = rec.recommend(text="drawing text and fonts", history=SCIENCE, k=100)
    by_history = rec.recommend(history=SCIENCE, k=100)
    by_text = rec.recommend(text="drawing text and fonts", k=100)
    assert rank(both, "libpango1.0-dev") < rank(by_history, "libpango1.0-dev")
    assert rank(both, "python3-seaborn") < rank(by_text, "python3-seaborn")
    assert set(both[0].signals) == {"text", "bm25"}
    assert any(item.because for item in both)


def test_items_like_one_item(rec):
    answer = rec.similar("mpg123", k=3)
    assert answer.query["item"] == "mpg123"
    assert "mpg321" in ids(answer)
    assert "mpg123" not in ids(answer)
    assert {reason.item_id for item in answer for reason in item.because} == {"mpg123"}


def test_history_entries_can_be_ids_events_or_dicts(edge):
    as_ids = edge.recommend(history=["sox", "lame"])
    as_events = edge.recommend(history=[Event("sox"), {"item_id": "lame", "kind": "view"}])
    assert as_events.recommendations == as_ids.recommendations


def test_the_same_item_twice_counts_twice(edge):
    twice = edge.recommend(history=["sox", "sox", "libgtk-3-dev"])
    valued = edge.recommend(history=[Event("sox", value=3.0), "libgtk-3-dev"])  # damped: log2(1 + 3) = 2
    assert ids(twice) == ids(valued)
    assert twice.interests[0].share == pytest.approx(2 / 3)


def test_a_text_longer_than_the_encoder_reads_is_read_whole(edge):
    about_games = "a chess program that plays against you. "
    long = "a music player for the command line. " * 60 + about_games * 60
    assert {"gnuchess", "stockfish", "xboard"} & set(ids(edge.recommend(text=long)))


def test_answers_repeat_exactly(rec):
    def ask():
        return rec.recommend(text="charts", history=[*SCIENCE, *GTK], k=20, diversity=0.4)

    assert ask() == ask()


def test_without_reasons_the_answer_is_the_same(edge):
    full = edge.recommend(history=SCIENCE, text="fast")
    short = edge.recommend(history=SCIENCE, text="fast", explain=False)
    assert [(item.item_id, item.score) for item in short] == [(item.item_id, item.score) for item in full]
    assert short.interests == ()
    assert all(item.because == () and item.passages is None and not item.signals for item in short)


# -- filters, exclusions, diversity --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "holds"),
    [
        ({"categories": "sound"}, lambda row: row["categories"] == "sound"),
        ({"categories": ["sound", "mail"]}, lambda row: row["categories"] in ("sound", "mail")),
        ({"size": {"gte": 100, "lt": 300}}, lambda row: 100 <= row["size"] < 300),
        (
            {"categories": "python", "size": {"gt": 400}},
            lambda row: row["categories"] == "python" and row["size"] > 400,
        ),
        ({"tags": "role::program"}, lambda row: "role::program" in row["tags"].split(", ")),
    ],
)
def test_filters_let_through_what_they_say_and_all_of_it(rec, metadata, where, holds):
    wanted = {item for item, row in metadata.items() if holds(row)}
    assert 0 < len(wanted) < len(metadata)
    found = ids(rec.recommend(text="library", where=where, k=200))
    assert len(found) == len(set(found))
    assert set(found) == wanted


def test_a_filter_that_nothing_passes(rec):
    assert len(rec.recommend(text="library", where={"categories": "gardening"})) == 0
    assert len(rec.recommend(history=SCIENCE, where={"size": {"gt": 10**9}}, diversity=0.5)) == 0


def test_excluded_items_do_not_come(rec):
    first = ids(rec.recommend(history=SCIENCE, k=3))
    again = ids(rec.recommend(history=SCIENCE, k=10, exclude=[*first, "not-there"]))
    assert not set(first) & set(again)
    assert len(again) == 10


def test_seen_items_come_only_when_asked_for(rec):
    assert not set(SCIENCE) & set(ids(rec.recommend(history=SCIENCE)))
    assert set(SCIENCE) <= set(ids(rec.recommend(history=SCIENCE, exclude_seen=False)))


def centred(recommender, item_ids):
    """Return the text vectors of items minus the catalog mean, unit length."""
    with recommender.reading() as generation:
        return generation.centred(generation.index.fetch(item_keys(item_ids), ["text"]))


def intra_list_distance(recommender, answer):
    vectors = centred(recommender, ids(answer))
    upper = np.triu_indices(len(vectors), k=1)
    return float((1 - vectors @ vectors.T)[upper].mean())


@pytest.mark.parametrize("query", [{"history": SCIENCE}, {"text": "play music"}])
def test_diversity_makes_the_answer_more_different(rec, query):
    distances = [
        intra_list_distance(rec, rec.recommend(**query, k=10, diversity=diversity))
        for diversity in (0, 0.3, 0.7)
    ]
    assert distances[0] < distances[1] < distances[2]
    plain, diverse = (rec.recommend(**query, k=10, diversity=d) for d in (0, 0.7))
    assert plain[0] == diverse[0]


# -- interests -----------------------------------------------------------------------------------------


def test_two_interests_are_both_served_and_nothing_from_their_middle(rec, metadata):
    answer = rec.recommend(history=[*SCIENCE, *GTK], k=10)
    chosen, science, gtk = (centred(rec, group) for group in (ids(answer), SCIENCE, GTK))
    to_science, to_gtk = (chosen @ group.T for group in (science, gtk))
    near, far = np.maximum(to_science.max(1), to_gtk.max(1)), np.minimum(to_science.max(1), to_gtk.max(1))
    assert ((near - far) > 0.2).all()
    assert (to_science.max(1) > to_gtk.max(1)).sum() >= 3
    assert (to_gtk.max(1) > to_science.max(1)).sum() >= 3


def test_interests_are_named_by_their_central_items(rec, metadata):
    first, second = rec.recommend(history=[*SCIENCE, *GTK[:3]]).interests
    assert set(first.item_ids) == set(SCIENCE)
    assert set(second.item_ids) == set(GTK[:3])
    assert first.name == " · ".join(metadata[item]["title"] for item in first.item_ids[:2])
    assert (first.share, second.share) == (pytest.approx(4 / 7), pytest.approx(3 / 7))
    vectors = centred(rec, first.item_ids)
    closeness = vectors @ vectors.mean(axis=0)
    assert closeness[0] == closeness.max()


def test_the_raw_mean_serves_the_middle(open_shop):
    """Why soft nearest is the default: by the mean, the two interests blur."""

    def margin(recommender):
        answer = recommender.recommend(history=[*SCIENCE, *GTK], k=10)
        chosen, science, gtk = (centred(recommender, group) for group in (ids(answer), SCIENCE, GTK))
        return np.abs((chosen @ science.T).max(1) - (chosen @ gtk.T).max(1)).mean()

    assert margin(open_shop()) > margin(open_shop(ranking={"text_pooling": "mean"}))


# -- weights of a history ------------------------------------------------------------------------------


def test_a_dislike_lowers_what_is_like_it(rec):
    liked = rec.recommend(history=["sox", "python3-cairo"], k=1000)
    disliked = rec.recommend(history=["sox", "python3-cairo", Event("libpango1.0-dev", "dislike")], k=1000)
    for similar in ids(rec.similar("libpango1.0-dev", k=3)):
        assert rank(disliked, similar) > rank(liked, similar)


def test_nothing_is_recommended_because_of_a_disliked_item(rec):
    answer = rec.recommend(history=["sox", Event("libpango1.0-dev", "dislike")], k=20)
    assert {reason.item_id for item in answer for reason in item.because} == {"sox"}
    assert [interest.item_ids for interest in answer.interests] == [("sox",)]


def test_a_low_rating_is_a_dislike_and_a_high_one_is_not(edge):
    def score(value):
        answer = edge.recommend(history=["sox", Event("libpango1.0-dev", "rate", value)], k=1000)
        return {item.item_id: item.score for item in answer}["libpangomm-1.4-dev"]

    assert score(5.0) > score(3.5) > score(1.0)


def test_recency_shifts_the_answer_to_what_came_last(open_shop, metadata):
    start = 1.6e9
    history = [Event(item, time=start) for item in SCIENCE]
    history += [Event(item, time=start + 30 * DAY) for item in GTK]

    def n_gtk(recommender):
        found = ids(recommender.recommend(history=history, k=10))
        return sum(metadata[item]["categories"] == "libdevel" for item in found)

    assert n_gtk(open_shop(events={"half_life_days": 5})) > n_gtk(open_shop())


def test_weights_of_signals_can_be_given(edge):
    only_words = edge.recommend(text="chess", weights={"text": 0.0})
    assert {tuple(item.signals) for item in only_words} == {("bm25",)}
    assert edge.recommend(text="chess", weights={"bm25": 0.0})[0].signals == {"text": 1.0}


# -- attribution ---------------------------------------------------------------------------------------

SOME_ITEMS = (*SCIENCE, *GTK, "sox", "lame", "gnuchess", "postgresql")
LIKED = st.lists(
    st.tuples(st.sampled_from(SOME_ITEMS), st.sampled_from([-1.0, 0.3, 1.0, 3.0])),
    min_size=1,
    max_size=8,
    unique_by=lambda pair: pair[0],
)


def scored_by_hand(recommender, bundled, history, text, keys):
    """Return what every reason adds to every item, (n, n_history + 2), without a search of candidates."""
    with recommender.reading() as generation:
        index = generation.index
        fields = generation.history_fields
        known = known_history(history, generation, lambda keys: index.fetch(keys, fields))
        vector = bundled.encode_queries([text])[0] if text else None
        interests = find_interests(known.centred, known.weights, 8)
        question = Question(
            text, vector, known.keys, known.weights, interests, known.centred, known.items, 100
        )
        weights = generation.weights({}, known.length)
        asked = [part for signal in generation.signals for part in signal.ask(question)]
        parts = [part.after_search(index.search(part.probes) if part.probes else []) for part in asked]
        scored = balance(
            [
                scored_part(
                    part, part.score(index.scores(part.requests, keys), []), weights, np.zeros(len(keys))
                )
                for part in parts
                if part is not None
            ]
        )
        items = index.fetch(keys, ["text"])
        return blended_scores(scored, len(keys)), by_reason(
            contributions(scored, items), len(keys), len(known.keys)
        )


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(LIKED, st.sampled_from([None, None, "draw charts quickly"]))
def test_contributions_add_up_to_the_score(edge, bundled, catalog, liked, text):
    history = [Event(item, value=weight) for item, weight in liked]
    answer = edge.recommend(history=history, text=text, k=10)
    candidates = np.setdiff1d(item_keys(catalog["item_id"]), item_keys(item for item, _ in liked))
    _, by_candidate = scored_by_hand(edge, bundled, history, text, candidates)
    position = {key: row for row, key in enumerate(candidates.tolist())}
    for item, key in zip(answer, item_keys(ids(answer)).tolist(), strict=True):
        totals = by_candidate[position[key]]
        tolerance = 1e-4 * max(1.0, float(np.abs(totals).sum()))
        assert totals.sum() == pytest.approx(item.score, abs=tolerance)
        named = {entry.item_id: totals[row] for row, entry in enumerate(history) if entry.value > 0}
        positive = totals[totals > 0].sum()
        for reason in item.because:
            assert reason.contribution == pytest.approx(named[reason.item_id], abs=tolerance)
            assert reason.share == pytest.approx(named[reason.item_id] / positive, abs=1e-4)
        contributed = [reason.contribution for reason in item.because]
        assert contributed == sorted(contributed, reverse=True)
        assert all(value > 0 for value in contributed)
        assert contributed == pytest.approx(
            sorted(v for v in named.values() if v > 0)[::-1][:3], abs=tolerance
        )
        if sum(item.signals.values()) > 0:
            assert sum(share for share in item.signals.values() if share > 0) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(
    ("history", "text"),
    [
        (SCIENCE, None),
        ((*SCIENCE, *GTK), None),
        (("sox", "gnuchess", "postgresql", *GTK), None),
        ((), "parse fonts"),
        (SCIENCE[:2], "draw charts"),
    ],
)
def test_the_top_ten_are_those_of_brute_force(edge, bundled, catalog, history, text):
    """Score every item of the catalog by the same terms."""
    keys = np.setdiff1d(item_keys(catalog["item_id"]), item_keys(history))
    scores, _ = scored_by_hand(edge, bundled, [Event(item) for item in history], text, keys)
    best = keys[np.argsort(-scores, kind="stable")[:10]]
    answer = edge.recommend(history=history, text=text, k=10)
    assert item_keys(ids(answer)).tolist() == best.tolist()
    np.testing.assert_allclose([item.score for item in answer], np.sort(scores)[::-1][:10], rtol=1e-4)


# -- engines -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query",
    [
        {"text": "play music files"},
        {"history": SCIENCE},
        {"history": [*SCIENCE, *GTK, Event("sox", "dislike")]},
        {"history": SCIENCE, "text": "draw fonts"},
        {"history": SCIENCE, "diversity": 0.5},
        {"text": "library", "where": {"categories": ["python", "libdevel"], "size": {"lt": 500}}},
        {"history": SCIENCE, "exclude": ["python3-sympy"], "exclude_seen": False},
    ],
)
def test_both_engines_give_the_same_answer(engines, query):
    edge, memory = (engines[name].recommend(**query, k=20) for name in ("edge", "memory"))
    assert ids(edge) == ids(memory)
    np.testing.assert_allclose([i.score for i in edge], [i.score for i in memory], atol=1e-4, rtol=1e-4)
    assert [[b.item_id for b in item.because] for item in edge] == [
        [b.item_id for b in item.because] for item in memory
    ]
    assert [item.passages for item in edge] == [item.passages for item in memory]


# -- questions without an answer -----------------------------------------------------------------------


def test_unknown_items_of_the_history_are_named_and_skipped(rec):
    answer = rec.recommend(history=["nowhere", "sox", "gone", "nowhere"])
    assert answer.unknown_items == ("nowhere", "gone")
    assert answer.recommendations == rec.recommend(history=["sox"]).recommendations


def test_when_all_are_unknown_there_is_no_answer(rec):
    with pytest.raises(UnknownItemError, match="no item of the history is in the index: 'a', 'b'"):
        rec.recommend(history=["a", "b"])
    with pytest.raises(UnknownItemError, match="'zebra'"):
        rec.similar("zebra")
    with pytest.raises(UnknownItemError, match="'0', '1', '2', '3', '4' and 3 more"):
        rec.recommend(text="words", history=[str(n) for n in range(8)])


@pytest.mark.parametrize("query", [{}, {"text": ""}, {"text": "  \n"}, {"history": []}])
def test_an_empty_question(edge, query):
    answer = edge.recommend(**query)
    assert len(answer) == 10
    assert answer.notes == ("the question is empty: this is what is central in the groups of the catalog",)


def test_a_history_that_says_nothing(edge):
    answer = edge.recommend(history=[Event("sox", "rate", 3.0)])
    assert answer.notes[0].startswith("no event of the history counts: this is what is central")
    assert "sox" not in {item.item_id for item in answer}


def test_only_dislikes_still_give_an_answer(edge, metadata):
    answer = edge.recommend(history=[Event(item, "dislike") for item in SCIENCE])
    assert len(answer) == 10
    assert answer.interests == ()
    assert all(not item.because for item in answer)


@pytest.mark.parametrize("k", [0, -1, 1001, True, 2.5, "3", None])
def test_k_out_of_range(edge, k):
    with pytest.raises(QueryError, match="a whole number from 1 to 1000"):
        edge.recommend(text="music", k=k)


def test_k_may_be_larger_than_the_catalog(edge, catalog):
    assert len(edge.recommend(text="music", k=1000)) == len(catalog)


@pytest.mark.parametrize("diversity", [-0.1, 1.1, True, "much", float("nan")])
def test_diversity_out_of_range(edge, diversity):
    with pytest.raises(QueryError, match="diversity is a number from 0 to 1"):
        edge.recommend(text="music", diversity=diversity)


@pytest.mark.parametrize("weights", [{"text": -1}, {"text": float("inf")}, {"text": float("nan")}])
def test_weights_that_do_not_fit(edge, weights):
    with pytest.raises(QueryError, match="the weight of a signal is a number from 0 to 1000"):
        edge.recommend(text="music", weights=weights)


def test_an_unknown_field_lists_the_known_ones(edge):
    with pytest.raises(UnknownFieldError, match="Known fields: categories, size, tags"):
        edge.recommend(text="music", where={"colour": "red"})


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"kind": "buy"}, '"item_id" is missing'),
        ({"item_id": "sox", "colour": 3}, "unknown field 'colour'"),
        ("", '"item_id" is missing'),
        (None, '"item_id" is missing'),
    ],
)
def test_a_history_entry_that_is_none(edge, entry, reason):
    with pytest.raises(QueryError, match=rf"history\[0\]: {reason}"):
        edge.recommend(history=[entry])


def test_a_history_is_not_one_string(edge):
    with pytest.raises(QueryError, match=r"write history=\['sox'\]"):
        edge.recommend(history="sox")


def test_a_kind_without_a_weight(edge):
    with pytest.raises(ConfigError, match="'sniff', which has no weight"):
        edge.recommend(history=[Event("sox", "sniff")])


# -- the answer as JSON --------------------------------------------------------------------------------


def test_the_json_has_exactly_the_keys_of_the_schema(edge):
    answer = json.loads(
        json.dumps(edge.recommend(history=SCIENCE, text="fast", where={"size": {"lt": 900}}).to_dict())
    )
    assert {"query", "recommendations"} <= set(answer)
    for item in answer["recommendations"]:
        assert set(item) == {
            *("item_id", "title", "score", "signals", "because", "passages"),
            *("predicted_rating", "explored", "n_variants", "variants"),
        }
        assert set(item["passages"]) == {"item", "history"}
        for reason in item["because"]:
            assert set(reason) == {"item_id", "title", "share"}
    assert answer["query"]["where"] == {"size": {"lt": 900}}


# -- life of a workspace -------------------------------------------------------------------------------


def toy(folder, **given_settings):
    return Recommender(folder, Settings(encoder={"model": "toy"}, **given_settings), encoder=ToyEncoder())


TOYS = [Item("a", "red round"), Item("b", "red square"), Item("c", "blue round"), Item("d", "green green")]


def test_a_new_index_answers_at_once(tmp_path):
    with toy(tmp_path / "shop") as recommender:
        recommender.index(TOYS)
        assert ids(recommender.similar("a", k=1, diversity=0.0))[0] in ("b", "c")
        report = recommender.index([*TOYS, Item("e", "red round")])
        assert report.generation == 2
        assert ids(recommender.similar("a", k=1)) == ["e"]
        assert recommender.info()["items"] == 5


def test_one_item_and_nothing_else(tmp_path):
    with toy(tmp_path / "shop") as recommender:
        recommender.index([Item("a", "red")])
        assert len(recommender.similar("a")) == 0
        assert ids(recommender.recommend(text="red")) == ["a"]


def test_a_failed_indexing_leaves_the_previous_index_answering(tmp_path):
    with toy(tmp_path / "shop") as recommender:
        recommender.index(TOYS)
        before = recommender.similar("a")
        with pytest.raises(CatalogError):
            recommender.index([Item("x")])
        with pytest.raises(CatalogError):
            recommender.index(tmp_path / "missing.csv")
        assert recommender.similar("a") == before


def test_nothing_is_encoded_twice_whatever_the_shop(tmp_path):
    reports = []
    for folder in ("one", "two"):
        with toy(tmp_path / folder) as recommender:
            reports.append(recommender.index(TOYS))
            reports.append(recommender.similar("a"))
    first, answer, second, same_answer = reports
    assert (first.n_encoded, first.n_cached) == (first.n_passages, 0)
    assert (second.n_encoded, second.n_cached) == (0, first.n_passages)
    assert second.to_dict()["n_cached"] == first.n_passages
    assert answer == same_answer


def test_a_broken_cache_stops_no_indexing(tmp_path, own_cache_folder):
    (own_cache_folder / "passages-9.db").write_text("no database")
    with toy(tmp_path / "shop") as recommender:
        report = recommender.index(TOYS)
        assert report.n_encoded == report.n_passages
        assert "is damaged" in " ".join(report.notes)
        assert len(recommender.similar("a")) > 0


def test_a_broken_cache_is_told_by_a_change_too(tmp_path, own_cache_folder):
    with toy(tmp_path / "shop") as recommender:
        recommender.index(TOYS)
    for cache in own_cache_folder.glob("passages-*.db"):
        cache.unlink()
    (own_cache_folder / "passages-9.db").write_text("no database")
    with toy(tmp_path / "shop") as recommender:
        report = recommender.put_items([Item("new", "something else", "never encoded before")])
        assert report.added == ("new",)
        assert "is damaged" in " ".join(report.notes)
        assert recommender.put_items([Item("new", "something else", "never encoded before")]).notes == ()


def test_opening_writes_nothing(tmp_path):
    with (
        Recommender.open(tmp_path / "shop") as recommender,
        pytest.raises(WorkspaceError, match="no workspace"),
    ):
        recommender.recommend(text="music")
    assert list(tmp_path.iterdir()) == []


def test_a_workspace_with_nothing_indexed(tmp_path):
    with toy(tmp_path / "shop") as recommender:
        with pytest.raises(CatalogError):
            recommender.index([Item("x")])
        with pytest.raises(WorkspaceError, match="nothing is indexed"):
            recommender.recommend(text="music")
        assert recommender.info()["current"] is None


def test_settings_can_be_given(tmp_path):
    settings = Settings(encoder={"model": "a"}, store={"qdrant": "http://a:1", "collection": "shop"})
    with Recommender.open(tmp_path, model="b", settings=settings) as recommender:
        assert recommender.settings == Settings(
            encoder={"model": "b"}, store={"qdrant": "http://a:1", "collection": "shop"}
        )


def test_a_closed_recommender_lets_another_one_in(indexed, tmp_path, bundled):
    copy_workspace(indexed, tmp_path / "shop")
    for _ in range(2):
        with Recommender(tmp_path / "shop", Settings(), encoder=bundled) as recommender:
            assert len(recommender.similar("sox")) == 10


def test_an_index_of_another_encoder_is_refused(indexed, tmp_path):
    from semrec.encoder.bundled import bundled_model

    shutil.copytree(bundled_model(), tmp_path / "model")
    config = tmp_path / "model" / "sentence_bert_config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "max_seq_length": 64}))
    copy_workspace(indexed, tmp_path / "shop")
    with Recommender.open(tmp_path / "shop", model=str(tmp_path / "model")) as recommender:
        with pytest.raises(EncoderError, match=r"was built with the encoder 'bundled' .*cannot be compared"):
            recommender.recommend(text="music")
        assert len(recommender.recommend(history=["sox"])) == 10  # nothing is encoded


def test_info_says_what_the_workspace_holds(edge, catalog):
    facts = edge.info()
    assert facts["items"] == len(catalog)
    assert facts["encoder"] == "bundled"
    assert facts["fields"] == {"categories": "keyword", "tags": "keyword", "size": "integer"}
    assert facts["dimension"] == 384
    json.dumps(facts)
