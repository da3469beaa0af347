"""After a fork an open recommender reports an error; it does not hang."""

from __future__ import annotations

import multiprocessing

import pytest
from club_shop import open_shop

from semrec.errors import SemrecError

USES = {
    "recommend": lambda shop: shop.recommend(text="red"),
    "recommend for a user": lambda shop: shop.recommend(user="u1"),
    "info": lambda shop: shop.info(),
    "put_items": lambda shop: shop.put_items([{"id": "x", "text": "red"}]),
    "event_log": lambda shop: shop.event_log().count(),
    "follow": lambda shop: shop.follow(),
}


def use_all(shop, telling):
    """Use an inherited recommender in every way; tell the errors."""
    for name, use in USES.items():
        try:
            use(shop)
        except SemrecError as error:
            telling.send((name, str(error)))
    shop.close()
    telling.send(("closed", ""))


def in_fork(shop):
    """Return what a forked process tells within 60 seconds."""
    processes = multiprocessing.get_context("fork")
    told, telling = processes.Pipe(duplex=False)
    process = processes.Process(target=use_all, args=(shop, telling))
    process.start()
    telling.close()
    process.join(60)
    if process.is_alive():
        process.kill()
        pytest.fail("the fork hangs")
    assert process.exitcode == 0
    found = {}
    while told.poll():
        try:
            name, error = told.recv()
        except EOFError:
            break
        found[name] = error
    return found


def test_every_use_in_a_fork_is_an_error_and_the_parent_goes_on(own_fitted):
    with open_shop(own_fitted) as shop:
        shop.recommend(user="u1")
        errors = in_fork(shop)
        assert errors.keys() == {*USES, "closed"}
        for name in USES:
            assert "is a fork of it: an open index cannot be used after a fork. Open it in" in errors[name]
        assert len(shop.recommend(text="red")) == 10


def test_a_recommender_that_is_not_open_can_be_used_in_a_fork(own_fitted):
    with open_shop(own_fitted) as shop:
        assert in_fork(shop).keys() == {"closed"}
        shop.recommend(text="red")
        shop.close()
        assert in_fork(shop).keys() == {"closed"}
