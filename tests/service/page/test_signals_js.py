"""Signals on the page: the balance slider, names and colours come from the list of the service."""

from __future__ import annotations

import pytest
from browsing import answered, cards, ids, set_dial

SIGNALS = [
    {"name": "text", "label": "text", "source": "text", "personal": True},
    {"name": "sound", "label": "sounds alike", "source": "events", "personal": True},
    {"name": "popularity", "label": "popularity", "source": "events", "personal": False},
    {"name": "freshness", "label": "freshness", "source": "metadata", "personal": False},
]

WITH_SIGNALS = """async (signals) => {
  const { balancedWeights, coloured, hasTaste, setSignals, signalName } = await import("/page/signals.js");
  setSignals(signals);
  const element = (name) => coloured(document.createElement("i"), name).style.getPropertyValue("--signal");
  return {
    weights: balancedWeights(0.75), taste: hasTaste(),
    names: signals.map(({ name }) => signalName(name)), colours: signals.map(({ name }) => element(name)),
  };
}"""


@pytest.mark.slow
def test_the_slider_weighs_signals_by_their_source(visit):
    found = visit().evaluate(WITH_SIGNALS, SIGNALS)
    assert found["weights"] == {"text": 0.25, "sound": 0.75}
    assert found["taste"]
    assert not visit().evaluate(WITH_SIGNALS, SIGNALS[:1] + SIGNALS[2:])["taste"]


@pytest.mark.slow
def test_an_unknown_signal_has_its_label_and_a_colour(visit):
    found = visit().evaluate(WITH_SIGNALS, SIGNALS)
    assert found["names"] == ["meaning", "sounds alike", "popular", "new"]
    assert found["colours"] == [f"var(--signal-{place})" for place in range(4)]


@pytest.mark.slow
def test_the_balance_changes_the_order(visit):
    page = visit("?use=python3-numpy&use=libgtk-3-dev")
    cards(page)
    page.locator("summary", has_text="Fine-tune").click()
    assert page.locator("#balance-says").inner_text() == "as learned"
    set_dial(page, "Text against taste", 0)
    assert page.locator("#balance-says").inner_text() == "100% : 0%"
    by_text = ids(page)
    assert "taste" not in page.locator("#results").inner_text()
    set_dial(page, "Text against taste", 100)
    assert ids(page) != by_text
    assert "meaning" not in page.locator("#results").inner_text()
    assert "People who use" in page.locator("#results").inner_text()


@pytest.mark.slow
def test_without_learned_signals_there_is_no_balance(visit):
    page = visit()
    page.route("**/ready", lambda route: route.fulfill(json=text_signals_only(route)))
    page.reload()
    page.locator("summary", has_text="Fine-tune").click()
    page.locator("#balance-says", has_text="nothing was learned").wait_for()
    assert page.get_by_label("Text against taste").is_disabled()
    answered(page, lambda: page.get_by_label("What are you looking for?").fill("plot data"))


def text_signals_only(route):
    """Return the response of `/ready` for an index without learned signals."""
    ready = route.fetch().json()
    return {**ready, "signals": [signal for signal in ready["signals"] if signal["source"] == "text"]}
