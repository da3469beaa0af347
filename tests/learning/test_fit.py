"""Learning end to end: a small shop with planted structure, on both engines."""

from __future__ import annotations

import datetime
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qdrant_client import QdrantClient
from toy import ToyEncoder

from semrec import Event, Item, Recommender
from semrec.config import KIND_WEIGHTS, Settings
from semrec.errors import ConfigError, EmptyProfileError
from semrec.events.frame import frame_of
from semrec.events.interactions import build_interactions
from semrec.events.log import EventLog
from semrec.learning import learn, scores
from semrec.learning.fit import catalog_items, training_data, write_generation
from semrec.ranking.explanation import by_reason
from semrec.ranking.pipeline import find_candidates, known_history
from semrec.ranking.profile import find_interests
from semrec.ranking.sentences import reason_sentence
from semrec.signals import Question
from semrec.signals.blend import BlendWeights
from semrec.signals.collaborative import FoldIn, TextMap
from semrec.signals.item_item import NEIGHBOURS_FIELDS
from semrec.signals.learned import LearnedSettings
from semrec.signals.text import TEXT
from semrec.store.server import ServerStore
from semrec.types import item_keys

# The in-memory mode of qdrant-client scans everything and says so for every payload index.
pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect in the local Qdrant")

CLUBS, CLUB_SIZE, N_USERS = 6, 10, 120
START, DAY = 1_600_000_000.0, 86_400.0
TEXTS = ("red round", "red square", "green round", "green square", "blue", "red green blue")
SIGNALS = {"text", "collaborative", "item_item", "popularity"}


def of_club(club):
    return [f"{club}-{place}" for place in range(CLUB_SIZE)]


def catalog():
    """Items of clubs whose texts do not tell the club, but for club 0: round things. And new items."""
    items = [
        Item(
            item_id,
            f"Title {item_id}",
            "blue blue round" if club == 0 else TEXTS[(place + club) % len(TEXTS)],
        )
        for club in range(CLUBS)
        for place, item_id in enumerate(of_club(club))
    ]
    new = {"new-round": "blue blue round", "new-red": "red square", "new-other": "something else"}
    return [*items, *(Item(item_id, f"Title {item_id}", text) for item_id, text in new.items())]


def events():
    """Every user belongs to a club and uses, some hours apart, six of its items and one of another club."""
    choose = random.Random(7)
    found = {}
    for user in range(N_USERS):
        club = user % CLUBS
        items = [*choose.sample(of_club(club), 6), f"{(club + 1) % CLUBS}-{choose.randrange(CLUB_SIZE)}"]
        choose.shuffle(items)
        times = [START + (place * N_USERS + user) * DAY / 300 for place in range(len(items))]
        found[f"u{user}"] = [Event(item, "view", None, at) for item, at in zip(items, times, strict=True)]
    return found


EVENTS = events()


class CountingEncoder(ToyEncoder):
    """Counts the texts it encodes."""

    def __init__(self):
        super().__init__()
        self.n_texts = 0

    def encode_documents(self, texts, progress=None):
        self.n_texts += len(texts)
        return super().encode_documents(texts, progress)


def open_shop(folder, client=None, **given):
    """Open a shop with the toy encoder, embedded or on a Qdrant in memory."""
    store = None if client is None else ServerStore("shop", client=client)
    options = Settings(encoder={"model": "toy"}, **given)
    return Recommender(folder, options, store=store, encoder=CountingEncoder())


def load(folder, users=None):
    with EventLog.open(folder) as log:
        for user, history in (EVENTS if users is None else users).items():
            log.append(frame_of(user, history))


@pytest.fixture(scope="module")
def shops(tmp_path_factory):
    """The same shop on both engines, fitted; what it was before is in `before`."""
    client = QdrantClient(":memory:")
    folder = tmp_path_factory.mktemp("shops")
    opened, before = {}, {}
    for engine in ("edge", "memory"):
        shop = open_shop(folder / engine, client if engine == "memory" else None)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Payload indexes have no effect in the local Qdrant")
            shop.index(catalog())
            load(folder / engine)
            vectors = shop._open_generation().index.vectors(TEXT, shop_keys(shop))
            before[engine] = (vectors, shop._workspace.encoders.loaded.n_texts, shop.fit(seed=3))
        opened[engine] = shop
    yield opened, before
    for shop in opened.values():
        shop.close()
    client.close()


def shop_keys(shop):
    index = shop._open_generation().index
    return index.sample(index.count())


@pytest.fixture(params=["edge", "memory"])
def engine(request):
    return request.param


@pytest.fixture
def shop(shops, engine):
    return shops[0][engine]


@pytest.fixture(scope="module")
def edge(shops):
    return shops[0]["edge"]


@pytest.fixture
def indexed(tmp_path_factory, tmp_path, unfitted):
    """A shop of one's own with events and without models."""
    return shutil.copytree(unfitted, tmp_path / "shop")


@pytest.fixture(scope="module")
def unfitted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("unfitted") / "shop"
    with open_shop(folder) as shop:
        shop.index(catalog())
    load(folder)
    return folder


@pytest.fixture(scope="module")
def fitted(tmp_path_factory, unfitted):
    """A workspace with models; copy it, do not open it."""
    folder = shutil.copytree(unfitted, tmp_path_factory.mktemp("fitted") / "shop")
    with open_shop(folder) as shop:
        shop.fit(seed=3)
    return folder


def ids(answer):
    return [item.item_id for item in answer]


def values(answer):
    return [(item.item_id, item.score) for item in answer]


def club_of(item_id):
    return item_id.split("-")[0]


# -- what was learned ----------------------------------------------------------------------------------


def test_items_that_are_used_together_are_recommended(shop):
    for club in range(1, CLUBS):
        history = of_club(club)[:4]
        answer = shop.recommend(history=history, k=6)
        assert {club_of(item) for item in ids(answer)} == {str(club)}
        for item in answer:
            loudest = item.because[0]
            assert loudest.item_id in history
            assert loudest.signal in ("collaborative", "item_item")
            assert f"Those who use {loudest.title}" in reason_sentence(item)
            assert "also use this." in reason_sentence(item)
            assert set(item.signals) <= SIGNALS


def test_before_the_fit_the_text_decided(indexed):
    with open_shop(indexed) as shop:
        answer = shop.recommend(history=of_club(3)[:4], k=6)
        assert {reason.signal for item in answer for reason in item.because} == {"text"}
        assert {club_of(item) for item in ids(answer)} != {"3"}


def test_new_items_are_recommended_by_text_and_predicted_taste(shop):
    answer = shop.recommend(history=of_club(0)[:4], k=12)
    assert "new-round" in ids(answer)
    assert not {"new-red", "new-other"} & set(ids(answer)[: ids(answer).index("new-round")])
    new = answer[ids(answer).index("new-round")]
    assert new.signals.get("text", 0) + new.signals.get("collaborative", 0) > 0.5
    assert new.signals.get("popularity", 0) <= 0
    assert new.because[0].item_id in of_club(0)[:4]
    index = shop._open_generation().index
    factors = index.vectors("collaborative", item_keys(["new-round", "0-5", "3-5"]))
    assert factors[0].any()
    assert factors[0] @ factors[1] > factors[0] @ factors[2]


def test_nothing_is_encoded_again(shops, shop, engine):
    vectors, n_texts, report = shops[1][engine]
    assert shop._workspace.encoders.loaded.n_texts == n_texts
    np.testing.assert_array_equal(shop._open_generation().index.vectors(TEXT, shop_keys(shop)), vectors)
    assert shop.info()["current"] == report.generation == 2


def test_everything_else_is_taken_over(shop):
    generation, old = shop._open_generation(), shop._workspace.store().open(1)
    try:
        new_points, old_points = (
            {point.record.item_id: point for points in index.scan() for point in points}
            for index in (generation.index, old)
        )
    finally:
        old.close()
    assert set(new_points) == set(old_points)
    for item_id, point in new_points.items():
        assert point.record == old_points[item_id].record
        assert set(point.vectors) == {
            *old_points[item_id].vectors,
            "collaborative",
            "item_item",
            "popularity",
        }
        np.testing.assert_array_equal(point.vectors["passages"], old_points[item_id].vectors["passages"])
        np.testing.assert_array_equal(
            point.vectors["words"].values, old_points[item_id].vectors["words"].values
        )
    manifest, before = generation.manifest, shop._workspace.store().manifest(1)
    assert replace(manifest, vectors=(), models={}, built_at=0) == replace(
        before, vectors=(), models={}, built_at=0
    )


def test_the_report_tells_what_was_learned(shops, engine):
    report = shops[1][engine][2]
    assert (report.n_users, report.n_items, report.n_events) == (N_USERS, len(catalog()), 7 * N_USERS)
    assert set(report.learning["warm"]) == {*SIGNALS, "blend"}
    assert report.learning["warm"]["blend"] >= 0.95 * max(report.learning["warm"].values())
    assert report.cleaning["dropped"] == {}
    json.dumps(report.to_dict())


def test_both_engines_learn_and_answer_alike(shops):
    edge, memory = shops[0]["edge"], shops[0]["memory"]
    for query in ({"user": "u5"}, {"history": ["0-1", "4-2"]}, {"user": "u5", "text": "red"}, {"user": "x"}):
        one, other = edge.recommend(**query, k=30), memory.recommend(**query, k=30)
        assert ids(one) == ids(other)
        np.testing.assert_allclose([s for _, s in values(one)], [s for _, s in values(other)], atol=1e-3)


def test_the_same_seed_gives_the_same_answers(shops, fitted, tmp_path):
    with open_shop(shutil.copytree(fitted, tmp_path / "shop")) as again:
        for user in ("u0", "u7", "u33"):
            assert values(again.recommend(user=user, k=20)) == values(
                shops[0]["edge"].recommend(user=user, k=20)
            )
        first = again._workspace.store().manifest(2).models
        report = again.fit(seed=3)
        assert report.generation == 3
        assert again._workspace.store().manifest(3).models == first


# -- attribution ---------------------------------------------------------------------------------------


def all_parts(shop, history, weights=None, text=None):
    """Return the candidates of a query, and how many items the history has."""
    generation = shop._open_generation()
    known = known_history(history, generation, shop.settings)
    centred = generation.text_signal.centred(known.keys)
    question = Question(
        text,
        None if text is None else shop._workspace.encoders.text_vector(text, generation.manifest),
        known.keys,
        known.weights,
        find_interests(centred, known.weights, 16),
        100,
    )
    found = find_candidates(
        question,
        generation,
        where=(),
        hidden=known.keys,
        weights=shop.settings.ranking.signal_weights,
        asked_weights=weights or {},
        n_history=len(known.keys),
    )
    return found, len(known.keys)


ITEM_IDS = [item.item_id for item in catalog()]


@st.composite
def event_lists(draw):
    items = draw(st.lists(st.sampled_from(ITEM_IDS), min_size=1, max_size=9))
    kinds = [draw(st.sampled_from(["view", "buy", "dislike", "rate"])) for _ in items]
    return [
        Event(item_id, kind, draw(st.sampled_from([1.0, 2.0, 4.0, 5.0])) if kind == "rate" else None)
        for item_id, kind in zip(items, kinds, strict=True)
    ]


every_weight = st.none() | st.fixed_dictionaries(
    {signal: st.sampled_from([0.0, 0.3, 1.0]) for signal in sorted(SIGNALS)}
)


@settings(deadline=None, max_examples=40)
@given(event_lists(), every_weight, st.sampled_from([None, "red", "blue round"]))
def test_contributions_add_up_to_the_score(edge, history, weights, text):
    """Exactly, with all signals: every reason of the history, the text and the catalog."""
    candidates, n_history = all_parts(edge, history, weights, text)
    by_candidate = by_reason(candidates.parts, len(candidates.keys), n_history)
    assert len(by_candidate) > 0
    np.testing.assert_allclose(np.sum(by_candidate, axis=1), candidates.scores, atol=1e-4)
    assert np.isfinite(candidates.scores).all()


def test_all_signals_take_part(edge):
    every = dict.fromkeys(SIGNALS, 1.0)
    candidates, n_history = all_parts(edge, [Event("1-1"), Event("2-2")], every)
    assert {part.signal for part in candidates.parts} == SIGNALS
    assert {part.origin for part in candidates.parts} == {"history", "catalog"}
    said = by_reason(candidates.parts, len(candidates.keys), n_history)[0]
    assert said[-1] != 0
    assert said[-2] == 0


def test_what_is_named_is_the_largest_term(shop):
    answer = shop.recommend(history=of_club(2)[:5], k=5)
    candidates, n_history = all_parts(shop, [Event(item) for item in of_club(2)[:5]])
    by_candidate = by_reason(candidates.parts, len(candidates.keys), n_history)
    for item in answer:
        row = candidates.keys.tolist().index(int(item_keys([item.item_id])[0]))
        terms = by_candidate[row, :n_history]
        assert item.because[0].item_id == of_club(2)[int(terms.argmax())]
        assert item.because[0].contribution == pytest.approx(float(terms.max()), abs=1e-4)


# -- as learned, so served -----------------------------------------------------------------------------


def learned_models(shop, users=EVENTS, **changes):
    """Return the models of these events, their interactions, and the text vectors."""
    generation = shop._open_generation()
    items = catalog_items(generation.index)
    frames = [frame_of(user, history) for user, history in users.items()]
    interactions = build_interactions(frames, kind_weights=KIND_WEIGHTS, items=items.item_ids)
    data = training_data(interactions, generation.index, items)
    return replace(learn(data, seed=3), **changes), interactions, data, items


def served(shop, user, **options):
    answer = shop.recommend(user=user, k=len(ITEM_IDS), explain=False, **options)
    return {item.item_id: item.score for item in answer}


def check_served(shop, models, interactions, data, items, users):
    bulk = scores(models, data.text_vectors, data.user_items, data.order)
    n_seen = 0
    for user in users:
        row = interactions.users.index(user)
        found = served(shop, user)
        n_seen += len(ITEM_IDS) - len(found)
        expected = dict(zip(items.item_ids, bulk[row].tolist(), strict=True))
        np.testing.assert_allclose(
            [found[item] for item in found], [expected[item] for item in found], atol=1e-3, err_msg=user
        )
        best = sorted(found, key=lambda item: -expected[item])
        # Equal but for rounding, items may change places; the best ten are the same.
        cut = expected[best[9]]
        assert set(list(found)[:10]) <= {item for item in found if expected[item] >= cut - 2e-3}
    assert n_seen > 0


def test_the_blend_that_is_served_is_the_blend_that_was_learned(shop):
    models, interactions, data, items = learned_models(shop)
    check_served(shop, models, interactions, data, items, [f"u{n}" for n in range(0, N_USERS, 11)])


def odd_weights():
    """Different weights in every cell of the table, none of them 0."""
    edges = (0, 1, 2, 4, 8)
    table = [
        [[0.1 + 0.1 * row + 0.07 * signal + 0.3 * column for signal in range(4)] for column in range(3)]
        for row in range(len(edges))
    ]
    return BlendWeights(
        ("text", "collaborative", "item_item", "popularity"),
        edges,
        (0, 1, 12),
        tuple(tuple(tuple(cell) for cell in row) for row in table),
    )


def with_models(shop, users, **changes):
    """Fit a shop to these users with some settings of one's own; return what `check_served` takes."""
    models, interactions, data, items = learned_models(shop, users, **changes)
    generation = shop._open_generation()
    learned = LearnedSettings(
        FoldIn(models.gram, models.alpha, models.reg, models.nu, len(items.keys)),
        np.empty(0, np.uint64),
        models.weights,
        models.half_life_events,
        interactions.report.rating_scale,
    )
    write_generation(shop._workspace.store(), generation.index, generation.manifest, items, models, learned)
    shop._workspace.live_index.close()
    return models, interactions, data, items


def test_length_evidence_and_recency_count_as_learned(indexed):
    """Every cell of the weights, and a half life, whatever validation would have chosen."""
    users = {f"n{n}": EVENTS["u5"][:n] for n in range(1, 8)} | EVENTS
    load(indexed, users)
    with open_shop(indexed) as shop:
        found = with_models(shop, users, weights=odd_weights(), half_life_events=2.0)
        check_served(shop, *found, [f"n{n}" for n in range(1, 8)])
        check_served(shop, *found, [f"u{n}" for n in range(1, N_USERS, 17)])


def repeated(item_id, *times, kind="view", value=None):
    return [Event(item_id, kind, value, START + day * DAY) for day in times]


MESSY = {
    "seen often": [*repeated("1-1", 1, 2, 5), *repeated("1-2", 3), *repeated("2-2", 4)],
    "bursts": [*repeated("1-1", 1, 1 + 3 / DAY, 1 + 8 / DAY), *repeated("2-1", 2)],
    "changed a rating": [
        *repeated("1-1", 1, kind="rate", value=2.0),
        *repeated("2-1", 2, kind="rate", value=4.5),
        *repeated("1-1", 3, kind="rate", value=5.0),
    ],
    "took a dislike back": [
        *repeated("1-1", 1, kind="dislike"),
        *repeated("2-1", 2),
        *repeated("1-1", 3, kind="buy"),
    ],
    "no such item": [*repeated("gone", 1, 4), *repeated("1-1", 2), *repeated("2-2", 3)],
    "no such kind": [*repeated("1-1", 1, 3), *repeated("2-2", 2, kind="sing")],
    "impossible times": [
        *repeated("1-1", 1),
        Event("2-2", "view", None, 5.0),
        Event("3-3", "view", None, 9e9),
        *repeated("2-1", 3),
    ],
    "off the scale": [*repeated("1-1", 1), *repeated("2-2", 2, kind="rate", value=999.0)],
}


def test_a_messy_history_counts_as_it_was_learned_from(indexed):
    """Repeats, changed minds and faults of the log: the served profile is the row of the matrix."""
    scale = {f"r{n}": repeated(f"5-{n % 10}", n, kind="rate", value=1.0 + n % 5) for n in range(200)}
    users = {**EVENTS, **scale, **MESSY}
    load(indexed, {**scale, **MESSY})
    with open_shop(indexed) as shop:
        found = with_models(shop, users, weights=odd_weights(), half_life_events=2.0)
        for user in MESSY:
            row = found[1].matrix[found[1].users.index(user)]
            assert row.nnz, user
            check_served(shop, *found, [user])


def test_dislikes_count_against(shop):
    liked = served(shop, "u2")
    with_dislike = shop.recommend(
        user="u2", history=[Event("4-1", "dislike")], k=len(ITEM_IDS), explain=False
    )
    found = {item.item_id: item.score for item in with_dislike}
    others = [item for item in of_club(4)[2:] if item in found and item in liked]
    assert np.mean([found[item] - liked[item] for item in others]) < 0
    assert "4-1" not in found


# -- users of the log ----------------------------------------------------------------------------------


def test_the_history_of_a_user_is_used_and_not_recommended(shop):
    seen = {event.item_id for event in EVENTS["u4"]}
    answer = shop.recommend(user="u4", k=4)
    assert not seen & set(ids(answer))
    assert {club_of(item) for item in ids(answer)} == {"4"}
    assert {reason.item_id for item in answer for reason in item.because} <= seen
    assert answer.notes == ()
    assert seen <= set(ids(shop.recommend(user="u4", k=63, exclude_seen=False)))
    given = shop.recommend(history=[event.item_id for event in EVENTS["u4"]], k=4)
    assert values(given) == values(answer)


def test_a_given_history_comes_after_the_stored_one(shop):
    both = shop.recommend(user="u4", history=["2-1"], k=50)
    as_one = shop.recommend(history=[*(event.item_id for event in EVENTS["u4"]), "2-1"], k=50)
    assert values(both) == values(as_one)


def test_an_unknown_user_gets_what_is_popular(shop):
    answer = shop.recommend(user="nobody", k=5)
    counts = {}
    for history in EVENTS.values():
        for event in history:
            counts[event.item_id] = counts.get(event.item_id, 0) + 1
    assert sorted((counts[item] for item in ids(answer)), reverse=True) == sorted(counts.values())[:-6:-1]
    assert answer.notes == ("user 'nobody' has no events on known items: this is what is popular",)
    assert all(item.signals == {"popularity": 1.0} and item.because == () for item in answer)
    assert {reason_sentence(item) for item in answer} == {"Many use this."}


def dated_catalog():
    """Items of four ages: by a half life of 30 days their freshness is 0, -1, -2 and -3."""
    now = time.time()
    for place, item in enumerate(catalog()):
        added = datetime.datetime.fromtimestamp(now - 30 * DAY * (2 ** (place % 4) - 1), datetime.UTC)
        yield replace(item, metadata={"added": added.isoformat(), "place": place})


@pytest.fixture
def dated(fitted, tmp_path):
    """A fitted shop of one's own whose items have dates."""
    folder = shutil.copytree(fitted, tmp_path / "dated")
    with open_shop(folder) as shop:
        assert len(shop.put_items(dated_catalog()).metadata) == len(catalog())
    return folder


def test_an_unknown_user_gets_what_is_popular_and_new(dated):
    used = [event.item_id for history in EVENTS.values() for event in history]
    popular = np.log1p([used.count(item.item_id) for item in catalog()])
    fresh = -(np.arange(len(popular)) % 4)
    by_popularity, by_freshness = ((term - term.mean()) / term.std() for term in (popular, fresh))
    by_freshness *= 0.5  # its weight
    with open_shop(dated, ranking={"freshness_field": "added", "freshness_half_life_days": 30}) as shop:
        answer = shop.recommend(user="nobody", k=60)
        assert answer.notes == (
            "user 'nobody' has no events on known items: this is what is popular and new",
        )
        for item in answer:
            place = item.metadata["place"]
            parts = np.array([by_popularity[place], by_freshness[place]])
            assert item.score == pytest.approx(parts.sum(), abs=1e-3)
            if parts.min() > 0.1:
                assert item.signals["popularity"] == pytest.approx(parts[0] / parts.sum(), abs=1e-3)
                assert item.signals["freshness"] == pytest.approx(parts[1] / parts.sum(), abs=1e-3)
        assert values(answer) == sorted(values(answer), key=lambda pair: -pair[1])
        assert "It is new." in {reason_sentence(item) for item in answer}
        assert "Many use this. It is new." in {reason_sentence(item) for item in answer}
        assert "freshness" not in shop.recommend(user="u0", k=3)[0].signals
        assert "freshness" not in shop.recommend(user="nobody", text="red", k=3)[0].signals
        only_popular = shop.recommend(user="nobody", k=3, weights={"freshness": 0})
        assert only_popular.notes[0].endswith("this is what is popular")
        assert only_popular[0].signals == {"popularity": 1.0}
        with pytest.raises(EmptyProfileError, match="no event of user 'nobody'"):
            shop.recommend(user="nobody", weights={"freshness": 0, "popularity": 0})


def test_before_the_first_fit_an_unknown_user_gets_what_is_new(indexed):
    with open_shop(indexed, ranking={"freshness_field": "added"}) as shop:
        shop.index(dated_catalog())
        answer = shop.recommend(user="nobody", k=20, where={"place": {"lt": 40}})
        assert answer.notes == ("user 'nobody' has no events on known items: this is what is new",)
        assert [item.metadata["place"] % 4 for item in answer] == [0] * 10 + [1] * 10
        assert reason_sentence(answer[0]) == "It is new."


def test_freshness_by_a_field_that_is_not_there(dated):
    with (
        open_shop(dated, ranking={"freshness_field": "born"}) as shop,
        pytest.raises(ConfigError, match=r"'born' is not in the index. Fields .*: added, place;"),
    ):
        shop.recommend(user="nobody")


def test_an_unknown_user_with_a_text_gets_the_text(shop):
    answer = shop.recommend(user="nobody", text="blue round", k=3)
    assert values(answer) == values(shop.recommend(text="blue round", k=3))
    assert answer.notes == ("user 'nobody' has no events on known items",)
    assert set(answer[0].signals) <= {"text", "words"}


def test_a_user_and_a_text(shop):
    def rank(item_id, answer):
        return ids(answer).index(item_id)

    both = shop.recommend(user="u4", text="red square", k=60)
    alone, by_text = shop.recommend(user="u4", k=60), shop.recommend(text="red square", k=60)
    assert rank("new-red", both) < rank("new-red", alone)
    unseen = [item for item in of_club(4) if item in ids(both)]
    assert min(rank(item, both) for item in unseen) <= min(rank(item, by_text) for item in unseen)
    assert {"text", "item_item"} & set(both[0].signals)


def test_a_user_who_says_nothing(indexed):
    """Only neutral ratings: neither for nor against, but seen; with a text and without."""
    load(indexed, {"neutral": repeated("1-1", 1, kind="rate", value=3.0), **rating_users()})
    with open_shop(indexed, ranking={"text_pooling": "centred_mean"}) as shop:
        shop.fit()
        popular = shop.recommend(user="neutral", k=5)
        assert "this is what is popular" in popular.notes[0]
        assert "1-1" not in ids(popular)
        answer = shop.recommend(user="neutral", text="red", k=60)
        assert all(np.isfinite(score) for _, score in values(answer))


def rating_users():
    return {f"r{n}": repeated("5-5", n, kind="rate", value=1.0 + n % 5) for n in range(10)}


def test_ratings_that_are_all_alike_are_likes(indexed):
    """Their scale has no room: a rating only says that the item was used."""
    load(indexed, {f"r{n}": repeated(f"5-{n}", n, kind="rate", value=4.0) for n in range(5)})
    with open_shop(indexed) as shop:
        report = shop.fit()
        assert report.cleaning["rating_scale"] == (4.0, 4.0)
        assert len(shop.recommend(user="r1", k=5)) == 5


def test_a_user_before_the_first_fit(indexed):
    with open_shop(indexed) as shop:
        assert len(shop.recommend(user="u1", k=5)) == 5
        with pytest.raises(EmptyProfileError, match="run `semrec fit` first"):
            shop.recommend(user="nobody")


def test_a_history_longer_than_the_neighbours_of_an_item(indexed, monkeypatch):
    """Of an item only so many neighbours are kept; who used more items is answered all the same."""
    (field,) = NEIGHBOURS_FIELDS
    monkeypatch.setattr("semrec.learning.fit.MOST_NEIGHBOURS", 3)
    monkeypatch.setattr("semrec.learning.fit.NEIGHBOURS_FIELDS", (replace(field, most=3),))
    with open_shop(indexed) as shop:
        shop.fit()
        assert len(shop.recommend(user="u1", k=5)) == 5


def test_similar_items_need_not_be_popular(shop):
    answer = shop.similar("3-3", k=20)
    assert all("popularity" not in item.signals for item in answer)
    index = shop._open_generation()
    assert ids(answer) == ids(shop.recommend(history=["3-3"], k=20, weights={"popularity": 0.0}))
    assert index.popularity_signal is not None


# -- what is stored of the models ----------------------------------------------------------------------


def test_learned_settings_survive_json():
    before = LearnedSettings(
        FoldIn(np.arange(4, dtype=np.float32).reshape(2, 2), 0.1, 0.2, 0.9, 5),
        np.array([3, 2**64 - 1], np.uint64),
        odd_weights(),
        12.5,
        (0.5, 5.0),
        TextMap(np.ones(2, np.float32), np.arange(6, dtype=np.float32).reshape(3, 2)),
    )
    after = LearnedSettings.from_dict(json.loads(json.dumps(before.to_dict())))
    assert after.weights == before.weights
    assert (after.half_life_events, after.rating_scale) == (12.5, (0.5, 5.0))
    assert after.left_out.dtype == np.uint64
    assert after.left_out.tolist() == [3, 2**64 - 1]
    np.testing.assert_array_equal(after.fold_in.gram, before.fold_in.gram)
    assert after.fold_in.to_dict() == before.fold_in.to_dict()
    assert after.text_map.to_dict() == before.text_map.to_dict()


def test_what_an_older_semrec_learned_can_be_read(shop):
    stored = dict(shop._workspace.store().manifest(2).models["learned"])
    del stored["text_map"]
    assert LearnedSettings.from_dict(stored).text_map is None


def test_learned_settings_without_order_ratings_or_clashes():
    before = LearnedSettings(
        FoldIn(np.eye(1, dtype=np.float32), 0.1, 0.2, 1.0, 5),
        np.empty(0, np.uint64),
        odd_weights(),
        None,
        None,
    )
    after = LearnedSettings.from_dict(json.loads(json.dumps(before.to_dict())))
    assert (after.half_life_events, after.rating_scale, len(after.left_out)) == (None, None, 0)


def test_the_manifest_holds_what_was_learned(shop):
    stored = shop._workspace.store().manifest(2).models["learned"]
    read = LearnedSettings.from_dict(stored)
    assert read.to_dict() == shop._open_generation().learned.to_dict()
    assert (
        len(read.fold_in.gram)
        == shop._open_generation().index.vectors("collaborative", shop_keys(shop)).shape[1]
    )
    assert shop._workspace.store().manifest(1).models == {}


# -- indexing after learning ---------------------------------------------------------------------------


def test_models_survive_a_new_generation(fitted, tmp_path):
    with open_shop(shutil.copytree(fitted, tmp_path / "shop")) as shop:
        before = ids(shop.recommend(user="u4"))
        learned = stored_vectors(shop)
        added = [Item(f"later-{n}", "", "round green") for n in range(len(catalog()))]
        report = shop.index([*catalog(), *added])
        assert (report.generation, report.n_added) == (3, len(added))
        assert set(before) & set(ids(shop.recommend(user="u4")))
        after = stored_vectors(shop)
        for key, vectors in learned.items():
            for name in ("collaborative", "popularity"):
                np.testing.assert_array_equal(after[key][name], vectors[name])
            np.testing.assert_array_equal(after[key]["item_item"].values, vectors["item_item"].values)


def test_a_new_item_gets_the_taste_of_its_text_and_a_changed_one_keeps_its_own(fitted, tmp_path):
    with open_shop(shutil.copytree(fitted, tmp_path / "shop")) as shop:
        known = catalog()[0]
        own = stored_vectors(shop)[known.item_id]
        shop.put_items([Item("later", "", known.text), replace(known, text=f"{known.text} square")])
        after = stored_vectors(shop)
        text_map = shop._open_generation().learned.text_map
        np.testing.assert_allclose(
            after["later"]["collaborative"],
            text_map.predicted_taste(after["later"]["text"][None])[0],
            atol=1e-6,
        )
        assert after["later"]["popularity"].tolist() == [0]
        assert len(after["later"]["item_item"].values) == 0
        changed = after[known.item_id]
        np.testing.assert_array_equal(changed["collaborative"], own["collaborative"])
        np.testing.assert_array_equal(changed["popularity"], own["popularity"])
        assert not np.array_equal(changed["text"], own["text"])


def test_another_encoder_says_that_new_items_have_no_taste_until_the_next_fit(fitted, tmp_path):
    other = ToyEncoder()
    other.name = other.fingerprint = "other"
    with Recommender(
        shutil.copytree(fitted, tmp_path / "shop"), Settings(encoder={"model": "other"}), encoder=other
    ) as shop:
        report = shop.index([*catalog(), Item("later", "", "green round")])
        assert "new items have none until the next run of: semrec fit" in report.notes[-1]
        assert not stored_vectors(shop)["later"]["collaborative"].any()


def stored_vectors(shop):
    points = [point for page in shop._open_generation().index.scan() for point in page]
    return {point.record.item_id: point.vectors for point in points}


def test_two_events_are_enough_to_answer(indexed):
    """Nothing can be validated: the report says so, and the defaults answer."""
    for path in indexed.glob("events.db*"):
        path.unlink()
    load(indexed, {"a": [Event("1-1")], "b": [Event("1-2")]})
    with open_shop(indexed) as shop:
        report = shop.fit()
        assert any("defaults" in note for note in report.learning["notes"])
        assert len(shop.recommend(user="a", k=5)) == 5
        assert len(shop.recommend(user="nobody", k=5)) == 5


def test_a_fit_that_breaks_leaves_the_old_models(fitted, tmp_path, monkeypatch):
    with open_shop(shutil.copytree(fitted, tmp_path / "shop")) as shop:
        before = values(shop.recommend(user="u4"))

        def broken(*_):
            raise RuntimeError("out of memory")

        monkeypatch.setattr("semrec.learning.fit.learned_vectors", broken)
        with pytest.raises(RuntimeError):
            shop.fit()
        assert shop.info()["generations"] == [1, 2]
        assert values(shop.recommend(user="u4")) == before


# -- killed --------------------------------------------------------------------------------------------

FIT = """
import sys
from pathlib import Path
sys.path[:0] = [sys.argv[1], sys.argv[1] + "/.."]
from test_fit import open_shop
with open_shop(Path(sys.argv[2])) as shop:
    print("ready", flush=True)
    shop.fit(seed=int(sys.argv[3]), progress=lambda step: print(step, flush=True))
    print("done", flush=True)
"""


def start_fit(folder, seed):
    command = [sys.executable, "-c", FIT, str(Path(__file__).parent), str(folder), str(seed)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def test_a_fit_killed_at_any_moment_leaves_the_old_models(fitted, tmp_path):
    folder = shutil.copytree(fitted, tmp_path / "shop")
    with open_shop(folder) as shop:
        before = {user: values(shop.recommend(user=user)) for user in ("u4", "u8", "nobody")}
    moments = random.Random(time.time_ns())
    steps = ["hide events", "writing the new generation", "writing the new generation"]
    for attempt, step in enumerate(steps):
        child = start_fit(folder, seed=attempt)
        try:
            while (line := child.stdout.readline().strip()) != step:
                assert line, "the fit ended early"
            time.sleep(moments.random() * 0.2 * attempt)
            os.kill(child.pid, signal.SIGKILL)
        finally:
            child.kill()
            output = child.communicate()[0]
        with open_shop(folder) as shop:
            current = shop.info()["current"]
            if "done" not in output and current == 2:
                assert {user: values(shop.recommend(user=user)) for user in before} == before
            else:  # the switch came first: then the new models answer, whole
                assert len(shop.recommend(user="u4")) == 10
                before = {user: values(shop.recommend(user=user)) for user in before}
                break
    with open_shop(folder) as shop:
        generation = shop.fit(seed=3).generation
        complete = shop.info()["generations"]
    assert complete[-1] == generation
    left = {int(path.name) for path in (folder / "generations").iterdir() if path.name.isdecimal()}
    assert left == set(complete)


def test_new_items_have_the_taste_that_the_stored_map_tells(shop):
    generation = shop._open_generation()
    keys = shop_keys(shop)
    new = keys[generation.popularity_signal.evidence(keys) == 0]
    assert len(new)
    told = generation.learned.text_map.predicted_taste(generation.index.vectors("text", new))
    np.testing.assert_allclose(told, generation.index.vectors("collaborative", new), atol=1e-5)


def test_a_text_asks_for_taste_where_that_is_wanted(shop):
    plain, both = (
        shop.recommend(text="red square", k=5),
        shop.recommend(text="red square", k=5, weights={"collaborative": 1.0}),
    )
    assert "collaborative" not in plain[0].signals
    assert any("collaborative" in found.signals for found in both)
    assert all(
        sum(share for share in found.signals.values() if share > 0) == pytest.approx(1) for found in both
    )


# -- signals of weight 0 -------------------------------------------------------------------------------


@pytest.fixture
def searched(fitted, tmp_path, monkeypatch):
    """Return a shop and a list that fills with the vectors it searches; ten candidates are enough for it."""
    with open_shop(shutil.copytree(fitted, tmp_path / "shop"), ranking={"candidates": 10}) as shop:
        index, names = shop._open_generation().index, []
        search = index.search

        def listed(searches):
            names.extend(one.vector_name for one in searches)
            return search(searches)

        monkeypatch.setattr(index, "search", listed)
        yield shop, names


def test_a_signal_of_weight_0_is_not_searched_by(searched, edge):
    shop, names = searched
    answer = shop.recommend(text="red square", k=4)
    assert set(names) == {"text", "words"}
    assert values(answer) == values(edge.recommend(text="red square", k=4))
    names.clear()
    shop.recommend(text="red square", k=4, weights={"collaborative": 0.1})
    assert set(names) == {"text", "words", "collaborative"}
    names.clear()
    shop.recommend(user="u0", k=4, weights={"text": 0, "collaborative": 0})
    assert {"item_item"} <= set(names) <= {"item_item", "popularity"}
    names.clear()
    shop.recommend(user="nobody", k=4)
    assert set(names) == {"popularity"}


def test_a_signal_of_weight_0_is_searched_by_where_the_others_find_too_little(searched):
    """An item without events is no neighbour of any."""
    shop, names = searched
    answer = shop.recommend(
        history=["new-red"], k=20, weights={"text": 0, "collaborative": 0, "popularity": 0, "item_item": 1}
    )
    assert len(answer) == 20
    assert "text" in names
