"""The page, in a real browser, on a real index: what a person does, sees and hears."""

from __future__ import annotations

import os
import random
import re
import shutil
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from serving import wait_until_ready

from semrec import Item, Recommender
from semrec.config import Settings
from semrec.service.api_keys import ApiKeys
from semrec.service.app import create_app

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium")

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="Debian's chromium is not installed"),
    # Starting a browser leaves pipes to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SHOTS = Path(os.environ.get("SEMREC_TEST_SCREENSHOTS", ".ci-artifacts"))
PATIENCE_MS = 30_000
PHONE = {"width": 390, "height": 844}

NASTY = Item(
    "<img src=x onerror=alert(1)>\"'&",
    "</h3><script>alert('title')</script> plotting",
    "<b>plotting</b> of scientific curves <svg onload=alert(2)> & javascript:alert(3) {{7*7}} ‮gnp",
    {"categories": "<i>python</i>", "tags": ("<u>tag</u>",), "size": 10},
)


def bought(catalog):
    """Events of 60 users who each like two categories: 8 items of each."""
    by_category = [group["item_id"].to_list() for _, group in sorted(catalog.group_by("categories"))]
    chance = random.Random(0)
    return [
        {"user": f"user-{user}", "item": item, "kind": "buy", "time": 1.7e9 + 1000 * user + n}
        for user in range(60)
        for n, item in enumerate(
            item
            for liked in (user % len(by_category), (user + 1) % len(by_category))
            for item in chance.sample(by_category[liked], min(8, len(by_category[liked])))
        )
    ]


@pytest.fixture(scope="module")
def shop(indexed, bundled, catalog, tmp_path_factory):
    """A shop with `catalog`, events that were learned from, and an item whose every field is markup."""
    folder = shutil.copytree(indexed, tmp_path_factory.mktemp("page") / "shop")
    with Recommender(folder, Settings(), encoder=bundled) as recommender:
        recommender.put_items([NASTY])
        recommender.add_events(bought(catalog))
        recommender.fit()
    return folder


@pytest.fixture(scope="module")
def address(shop, bundled):
    """The address of a service on `shop`."""
    with serving(shop, bundled) as address:
        yield address


@contextmanager
def serving(folder, encoder, keys=None):
    """Serve a shop from a thread, on a free port of this machine."""
    import uvicorn

    settings = Settings()
    app = create_app(lambda: Recommender(folder, settings, encoder=encoder), settings, keys=keys)
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        deadline = time.monotonic() + 60
        while not server.started and time.monotonic() < deadline:
            time.sleep(0.02)
        address = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/"
        with httpx.Client(base_url=address) as client:
            wait_until_ready(client)
        yield address
    finally:
        server.should_exit = True
        thread.join(timeout=30)


@pytest.fixture(scope="module")
def browser():
    """Debian's Chromium without a window."""
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def guarded(shop, bundled, tmp_path_factory):
    """The address of a service that needs a key, and the key."""
    folder = shutil.copytree(shop, tmp_path_factory.mktemp("guarded") / "shop")
    ring = ApiKeys(tmp_path_factory.mktemp("keys"))
    written, _ = ring.create("page", "read")
    with serving(folder, bundled, ring) as address:
        yield address, written


@pytest.fixture
def visit(browser, address):
    """Return a function that opens the page as a new person; a complaint in the console fails the test."""
    contexts, complaints = [], []

    def open_page(path="", *, theme="light", language="en-US", size=None, allowed=(), at=None):
        context = browser.new_context(
            viewport=size or {"width": 1280, "height": 900}, color_scheme=theme, locale=language
        )
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (complaints.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on(
            "request",
            lambda request: (
                request.url.startswith(at or address) or complaints.append(f"elsewhere: {request.url}")
            ),
        )
        page.on(
            "console",
            lambda said: (
                said.type in ("error", "warning")
                and not any(part in said.text for part in allowed)
                and complaints.append(f"{said.type}: {said.text}")
            ),
        )
        page.goto(f"{at or address}{path}")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


def cards(page):
    """Wait for an answer and return its cards."""
    page.locator("#results[aria-busy=false] .card:not(.ghost)").first.wait_for()
    return page.locator("#results .card")


def ids(page):
    """The ids of the recommendations, best first."""
    return cards(page).evaluate_all("cards => cards.map(card => card.dataset.item)")


def answered(page, action):
    """Do something that asks a question, and wait until its answer is shown."""
    with page.expect_response(lambda response: response.url.endswith("/recommend")) as response:
        action()
    response.value.finished()
    page.locator("#results[aria-busy=false]").wait_for()
    page.wait_for_timeout(50)


def search(page, text):
    answered(page, lambda: page.get_by_label("What are you looking for?").fill(text))


def use(page, item_id):
    answered(page, lambda: cards(page).nth(ids(page).index(item_id)).locator(".main").click())


def set_dial(page, name, value):
    answered(page, lambda: page.get_by_label(name, exact=True).fill(str(value)))


def shot(page, name):
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.wait_for_timeout(150)
    page.screenshot(path=SHOTS / f"{name}.png")


def test_a_sentence_two_clicks_and_the_reasons(visit):
    """The path of a new person, in one go; the only test of the page that is not slow."""
    page = visit()
    page.get_by_role("heading", name="Say what you need").wait_for()
    search(page, "plot scientific data")

    first = cards(page).first
    assert "plot" in first.inner_text().lower()
    assert first.locator("mark").count()
    assert re.search(r"meaning \d+%", first.inner_text())
    assert page.locator("#status").inner_text() == "10 recommendations"
    assert page.locator(".marker.result").count()

    chosen = ids(page)[:2]
    for item_id in chosen:
        use(page, item_id)
    assert page.locator("#history .chip").count() == 2
    assert not set(chosen) & set(ids(page))
    answered(page, lambda: page.get_by_label("What are you looking for?").fill(""))

    reason = cards(page).first.locator(".why").inner_text()
    assert reason.startswith(("Like ", "Those who use "))
    assert any(item_id in reason for item_id in chosen)
    assert page.locator("#interests li").count()
    shot(page, "first-answers")


@pytest.mark.slow
def test_the_question_is_in_the_address(visit):
    page = visit("?text=plot+data&use=python3-numpy&not=python3-scipy&diversity=30")

    assert "python3-scipy" not in ids(page)
    assert page.get_by_label("What are you looking for?").input_value() == "plot data"
    assert page.locator("#diversity-says").inner_text() == "30%"
    chips = page.locator("#history .chip").all_inner_texts()
    assert [chip.split("\n")[0] for chip in chips] == ["python3-numpy", "not for you: python3-scipy"]
    before = ids(page)
    page.reload()
    assert ids(page) == before


@pytest.mark.slow
def test_history_can_be_undone(visit):
    page = visit("?use=python3-numpy&use=python3-scipy")
    cards(page)
    answered(page, lambda: page.get_by_role("button", name="Remove python3-numpy").click())
    assert "python3-scipy" in page.locator("#history").inner_text()
    page.get_by_role("button", name="Remove python3-scipy").click()
    page.get_by_role("heading", name="Say what you need").wait_for()
    assert page.url.endswith("/")


@pytest.mark.slow
def test_dials_change_the_order(visit):
    page = visit("?use=python3-numpy&use=libgtk-3-dev")
    before = ids(page)
    page.locator("summary", has_text="Fine-tune").click()
    set_dial(page, "Diversity", 90)
    assert ids(page) != before
    set_dial(page, "Diversity", 0)
    assert ids(page) == before

    assert page.locator("#balance-says").inner_text() == "as learned"
    set_dial(page, "Text against taste", 0)
    assert page.locator("#balance-says").inner_text() == "100% : 0%"
    by_text = ids(page)
    assert "taste" not in page.locator("#results").inner_text()
    set_dial(page, "Text against taste", 100)
    by_taste = ids(page)
    assert by_taste != by_text
    assert "meaning" not in page.locator("#results").inner_text()
    assert "Those who use" in page.locator("#results").inner_text()


@pytest.mark.slow
def test_without_events_there_is_no_taste_to_set_against_the_text(visit):
    page = visit()
    page.route("**/ready", lambda route: route.fulfill(json=only_text(route)))
    page.reload()
    page.locator("summary", has_text="Fine-tune").click()
    page.locator("#balance-says", has_text="nothing has been learned").wait_for()
    assert page.get_by_label("Text against taste").is_disabled()


def only_text(route):
    """What `/ready` says, of an index without events."""
    ready = route.fetch().json()
    return {**ready, "signals": [signal for signal in ready["signals"] if signal["source"] == "text"]}


@pytest.mark.slow
def test_more_on_demand(visit):
    page = visit("?text=plot+data")
    assert cards(page).count() == 10
    answered(page, lambda: page.get_by_role("button", name="Show more").click())
    assert cards(page).count() == 20


@pytest.mark.slow
def test_why_not_is_answered_in_words_and_figures(visit):
    page = visit()
    page.get_by_role("heading", name="Say what you need").wait_for()
    missed = page.get_by_label("Item", exact=True)
    told = page.locator("#whynot-answer")

    missed.fill("python3-numpy")
    missed.press("Enter")
    told.get_by_text("First say what you are looking for").wait_for()

    search(page, "mail server")
    missed.fill("python3-numpy")
    missed.press("Enter")
    told.get_by_text(re.compile("was not even considered|comes on place")).wait_for()
    assert re.search(r"meaning\s+−?-?\d", told.locator("tbody").inner_text())
    total = told.locator("tr.total td").all_inner_texts()
    assert len(total) == 2
    assert float(total[0]) < float(total[1])  # the last one that was shown has the higher score

    missed.fill("arrays of numbers in python")
    missed.press("Enter")
    told.get_by_text("Which one?").wait_for()
    assert page.evaluate("document.activeElement.closest('.choices') !== null")
    page.keyboard.press("Enter")
    told.locator("table").wait_for()

    answered(page, lambda: page.locator("#legend").get_by_role("button", name="games").click())
    missed.fill("python3-numpy")
    missed.press("Enter")
    told.get_by_text("does not belong to “games”").wait_for()


@pytest.mark.slow
def test_a_stored_user_s_interests_can_be_muted(visit):
    page = visit("?user=user-3")
    before = ids(page)
    interests = page.locator("#interests li")
    assert page.get_by_role("heading", name="What user-3 is interested in").is_visible()
    assert interests.count() > 1
    largest = interests.first.locator(".name").inner_text()

    answered(page, lambda: interests.first.get_by_role("button", name="Mute").click())
    page.locator("#interests .muted").wait_for()
    assert page.locator("#interests .muted .name").inner_text() == largest
    assert ids(page) != before
    assert page.evaluate("document.activeElement.textContent") == "Hear again"

    answered(page, lambda: page.get_by_role("button", name=f"Hear the interest {largest} again").click())
    page.wait_for_timeout(100)
    assert page.locator("#interests .muted").count() == 0
    assert ids(page) == before

    page.get_by_role("button", name="Without user user-3").click()
    page.get_by_role("heading", name="Say what you need").wait_for()
    assert page.locator("#interests-panel").is_hidden()


@pytest.mark.slow
def test_a_user_that_nobody_knows_gets_what_is_popular(visit):
    page = visit("?user=nobody")
    cards(page)
    assert "popular" in page.locator("#notices").inner_text()
    assert "No events of this user" in page.locator("#interests").inner_text()


@pytest.mark.slow
def test_a_group_of_the_map_is_a_filter(visit):
    page = visit("?text=library")
    cards(page)
    answered(page, lambda: page.locator("#legend").get_by_role("button", name="games").click())
    categories = page.locator(".card .meta li:first-child").all_inner_texts()
    assert set(categories) == {"games"}
    assert page.locator("#legend [aria-pressed=true]").inner_text() == "games"
    answered(page, lambda: page.get_by_role("button", name="Without the filter games").click())
    assert page.locator("#legend [aria-pressed=true]").count() == 0


@pytest.mark.slow
def test_the_map_names_what_is_pointed_at_and_takes_it(visit):
    page = visit("?text=plot+data")
    cards(page)
    page.locator(".marker.result").last.hover()
    assert "recommended, place" in page.locator("#map-tip").inner_text()
    page.locator("summary", has_text="The map as a table").click()
    assert page.locator("#map-table tbody tr").count() == 10
    page.get_by_role("button", name="Zoom in").click()
    assert "zoomed" in page.locator("#map").get_attribute("class")
    page.get_by_role("button", name="Show all").click()
    assert "zoomed" not in page.locator("#map").get_attribute("class")


@pytest.mark.slow
def test_another_language_is_one_choice_away(visit):
    page = visit("?use=python3-numpy")
    cards(page)
    page.get_by_label("Language").select_option("zh")
    assert page.get_by_role("heading", name="推荐").is_visible()
    assert "python3-numpy（" in cards(page).first.inner_text()
    assert page.locator("html").get_attribute("lang") == "zh-CN"
    page.reload()
    assert "语义" in cards(page).first.inner_text()  # it is remembered
    shot(page, "desktop-zh")


@pytest.mark.slow
def test_the_browser_s_language_is_the_first_choice(visit):
    page = visit(language="zh-CN")
    page.get_by_role("heading", name="说出您的需要").wait_for()


@pytest.mark.slow
def test_by_keyboard_alone(visit):
    page = visit()
    page.get_by_role("heading", name="Say what you need").wait_for()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "text"
    answered(page, lambda: page.keyboard.type("plot data"))
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    second = page.evaluate("document.activeElement.closest('.card').dataset.item")
    assert second == ids(page)[1]
    answered(page, lambda: page.keyboard.press("Enter"))
    assert page.locator("#history .chip").count() == 1
    # The focus stays where the person was: on the card that took the place.
    assert page.evaluate("document.activeElement.closest('.card').dataset.item") == ids(page)[1]
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    for _ in range(2):
        page.keyboard.press("ArrowUp")
    assert page.evaluate("document.activeElement.id") == "text"
    answered(page, lambda: page.keyboard.press("Escape"))
    assert page.get_by_label("What are you looking for?").input_value() == ""

    markers = page.locator(".marker")
    assert page.locator(".marker[tabindex='0']").count() == 1
    page.locator(".marker[tabindex='0']").focus()
    names = set()
    for key in ("ArrowLeft", "ArrowDown", "ArrowRight", "ArrowUp") * 3:
        page.keyboard.press(key)
        names.add(page.evaluate("document.activeElement.dataset.item"))
    assert len(names) > 2 or markers.count() < 4
    assert page.locator("#map-tip").is_visible()
    page.keyboard.press("Escape")
    assert page.locator("#map-tip").is_hidden()


@pytest.mark.slow
def test_on_a_telephone_nothing_sticks_out(visit):
    page = visit("?text=plot+data&use=python3-numpy", size=PHONE)
    cards(page)
    page.locator("summary", has_text="Fine-tune").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    small = page.locator("button:visible").evaluate_all(
        "buttons => buttons.filter(b => !b.closest('.markers') && b.getBoundingClientRect().height < 24)"
        ".map(b => b.textContent)"
    )
    assert small == []
    shot(page, "phone")


@pytest.mark.slow
@pytest.mark.parametrize(("theme", "language"), [("light", "en-US"), ("dark", "zh-CN")])
def test_no_barrier_that_axe_finds(visit, theme, language):
    page = visit(theme=theme, language=language)
    page.locator(".start").first.wait_for()
    assert barriers(page) == []

    page = visit("?text=plot+data&user=user-3&use=python3-numpy", theme=theme, language=language)
    cards(page)
    page.locator("#interests .name").first.wait_for()
    page.locator("#whynot-item").fill("python3-scipy")
    page.locator("#whynot-item").press("Enter")
    page.locator("#whynot-answer strong").wait_for()
    for summary in page.locator("summary").all():
        summary.click()
    page.locator(".marker").first.hover()
    assert barriers(page) == []
    shot(page, f"desktop-{theme}")


def barriers(page):
    """What axe finds on the page as it is, serious or worse: rule and where."""
    from axe_playwright_python.sync_playwright import Axe

    return [
        (fault["id"], [node["html"][:120] for node in fault["nodes"]][:3])
        for fault in Axe().run(page).response["violations"]
        if fault["impact"] in ("serious", "critical")
    ]


@pytest.mark.slow
def test_markup_in_the_catalog_is_text(visit):
    page = visit()
    page.get_by_role("heading", name="Say what you need").wait_for()
    search(page, "plotting of scientific curves <script>alert(4)</script>")
    assert NASTY.item_id in ids(page)
    card = page.locator(".card").filter(has_text="</h3><script>alert('title')</script> plotting")
    assert "<svg onload=alert(2)>" in card.inner_text()
    assert "<i>python</i>" in card.inner_text()
    answered(page, card.locator(".main").click)
    assert "<script>" in page.locator("#history .chip").inner_text()
    page.locator("summary", has_text="The map as a table").click()
    assert "<script>" in page.locator("#map-table").inner_text()
    for tag in ("h3 script", "main img", "main i", "main u", "blockquote svg", "blockquote b"):
        assert page.locator(tag).count() == 0, tag
    page.reload()
    assert page.locator("#history .chip").count() == 1
    cards(page)


@pytest.mark.slow
def test_what_went_wrong_is_told_in_plain_words(visit):
    page = visit("?use=no+such+package", allowed=["404"])
    page.get_by_role("alert").wait_for()
    assert "in this index" in page.get_by_role("alert").inner_text()

    page = visit("?use=python3-numpy&use=no+such+package")
    cards(page)
    assert "not in the index" in page.locator("#notices").inner_text()
    assert "not in the index: no such package" in page.locator("#history").inner_text()


@pytest.mark.slow
def test_a_service_that_is_gone_is_told_and_can_be_asked_again(visit):
    page = visit("?text=plot+data", allowed=["ERR_FAILED", "Failed to load"])
    cards(page)
    page.route("**/recommend", lambda route: route.abort())
    page.get_by_label("What are you looking for?").fill("plot more data")
    page.get_by_role("alert").wait_for()
    assert "does not answer" in page.get_by_role("alert").inner_text()
    page.unroute("**/recommend")
    answered(page, lambda: page.get_by_role("button", name="Try again").click())
    assert cards(page).count() == 10


@pytest.mark.slow
def test_a_service_with_keys_asks_for_one(visit, guarded):
    at, key = guarded
    page = visit(at=at, allowed=["401"])
    page.get_by_role("heading", name="This service needs a key").wait_for()
    page.get_by_label("API key").fill("not a key")
    page.get_by_role("button", name="Open").click()
    page.get_by_role("alert").filter(has_text="does not open").wait_for()
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Open").click()
    page.get_by_role("heading", name="Say what you need").wait_for()
    search(page, "plot scientific data")
    assert cards(page).count() == 10
    assert key not in page.url


@pytest.mark.slow
def test_a_stale_answer_is_never_shown(visit):
    """The first answer comes last."""
    page = visit()
    page.get_by_role("heading", name="Say what you need").wait_for()
    held = []
    page.route(
        "**/recommend",
        lambda route: held.append(route) if "games" in (route.request.post_data or "") else route.continue_(),
    )
    page.get_by_label("What are you looking for?").fill("games")
    page.wait_for_timeout(400)
    assert held
    search(page, "plot scientific data")
    expected = ids(page)
    for route in held:
        route.abort()
    page.wait_for_timeout(200)
    assert ids(page) == expected


HIGHLIGHTED = """async ([passage, other, whole]) => {
  const { highlighted } = await import("/page/passages.js");
  const shown = (node) => (node.nodeType ? `[${node.textContent}]` : node);
  return highlighted(passage, other, whole).map(shown).join("");
}"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("passage", "other", "shown"),
    [
        ("Draws bar charts.", "a chart of bars", "Draws [bar charts]."),
        ("Parsing and parsers, parse <b>", "parse", "[Parsing] and [parsers], [parse] <b>"),
        ("The use of it with this", "use of the package with it", "The use of it with this"),
        ("高性能科学计算软件包", "科学计算", "高性能[科学计算]软件包"),
        ("nothing shared", "at all", "nothing shared"),
        ("", "anything", ""),
    ],
)
def test_shared_words_are_marked(visit, passage, other, shown):
    assert visit().evaluate(HIGHLIGHTED, [passage, other, True]) == shown


@pytest.mark.slow
def test_of_a_long_passage_the_part_that_matches_is_shown(visit):
    page = visit()
    passage = (
        "Dull words say little here. " * 30 + "It draws charts, and more charts. " + "Then it ends. " * 30
    )
    shown = page.evaluate(HIGHLIGHTED, [passage, "charts", False])
    assert shown.count("[charts]") == 2
    assert shown.startswith("… ")
    assert shown.endswith(" …")
    assert 200 < len(shown) < 350
    assert re.match(r"… (Dull|It) ", shown)  # from the start of a sentence
    assert page.evaluate(HIGHLIGHTED, [passage, "charts", True]).count("Dull") == 30


def test_both_languages_say_the_same_things():
    """Every string is there in every language, with the same places to fill in."""
    import semrec.service.static_page as front

    source = (front.FOLDER / "i18n.js").read_text(encoding="utf-8")
    blocks = re.split(r"^  (en|zh): \{$", source.split("const STRINGS = {")[1], flags=re.M)
    said = {}
    for name, block in zip(blocks[1::2], blocks[2::2], strict=True):
        body = block.split("\n  },")[0]
        entries = re.findall(r'^    "?([\w.]+)"?: (.+),$', body, flags=re.M)
        said[name] = {key: set(re.findall(r"\{(\w+)\}", value)) for key, value in entries}
        assert len(entries) == len(body.strip().splitlines())
    assert said["en"] == said["zh"]
    used = set(re.findall(r'data-i18n(?:-\w+)?="([\w.]+)"', (front.FOLDER / "index.html").read_text()))
    assert used <= set(said["en"])


def test_no_markup_is_made_from_data():
    """Text becomes text nodes; nothing in the page's scripts could read it as anything else."""
    import semrec.service.static_page as front

    for script in front.FOLDER.glob("*.js"):
        written = script.read_text(encoding="utf-8")
        for way in ("innerHTML", "outerHTML", "AdjacentHTML", "document.write", "eval(", "Function("):
            assert way not in written, (script.name, way)
