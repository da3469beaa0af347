"""The files of the page over HTTP."""

from __future__ import annotations

import pytest


def test_the_page_and_its_files(client):
    page = client.get("/")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert "script-src 'self'" in page.headers["content-security-policy"]
    for name, kind in (("app.js", "javascript"), ("style.css", "css"), ("icon.svg", "svg")):
        file = client.get(f"/page/{name}")
        assert file.status_code == 200
        assert kind in file.headers["content-type"]
        assert file.headers["cache-control"] == "no-cache"
        assert client.get(f"/page/{name}", headers={"If-None-Match": file.headers["etag"]}).status_code == 304


@pytest.mark.parametrize("path", ["../app.py", "..%2fapp.py", "%2e%2e/app.py", "nothing.js", ""])
def test_other_files_are_not_served(client, path):
    assert client.get(f"/page/{path}").status_code == 404


def test_the_page_loads_nothing_from_other_sites(client):
    for name in ("", "page/style.css", "page/app.js", "page/api.js"):
        text = client.get(f"/{name}").text
        assert "https://" not in text
        assert "//" not in text.replace("http://www.w3.org/2000/svg", "") or name.endswith(".js")
        assert "style=" not in text.replace("data-style=", "") or name.endswith(".js")
