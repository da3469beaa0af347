"""The documents are true: their commands exist, their links lead somewhere, the code of the README runs."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import polars as pl
import pytest
import typer

from semrec.cli.commands import app

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMANDS = [
    line
    for document in DOCUMENTS
    for line in re.findall(r"^\$ semrec (.+)$", document.read_text(encoding="utf-8"), flags=re.MULTILINE)
]


@pytest.mark.parametrize("line", COMMANDS)
def test_commands_of_the_documents_exist(line):
    command, arguments = typer.main.get_command(app), shlex.split(line, comments=True)
    context = click.Context(command, info_name="semrec")
    while isinstance(command, click.Group) and arguments:
        name, found, arguments = command.resolve_command(context, arguments)
        command, context = found, found.make_context(name, arguments, parent=context)
        arguments = [*context.protected_args, *context.args] if isinstance(command, click.Group) else []


def test_there_are_commands_to_check():
    assert len(COMMANDS) > 15


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_links_of_the_documents_lead_somewhere(document):
    links = re.findall(r"\]\(([^)#]+)\)", document.read_text(encoding="utf-8"))
    missing = [link for link in links if "://" not in link and not (document.parent / link).exists()]
    assert missing == []


def test_make_targets_of_the_documents_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for document in DOCUMENTS:
        named = re.findall(
            r"^\$ make ([a-z -]+?)(?:\s{2,}.*)?$", document.read_text(encoding="utf-8"), re.MULTILINE
        )
        assert {target for line in named for target in line.split()} <= targets


@pytest.mark.slow
@pytest.mark.usefixtures("one_encoder")
def test_the_code_of_the_readme_runs(catalog, tmp_path, monkeypatch, capsys):
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    items = catalog["item_id"].to_list()
    catalog.write_parquet(tmp_path / "catalog.parquet")
    pl.DataFrame(
        {
            "user": ["alice", *(f"user-{n // 8}" for n in range(400))],
            "item": ["python3-numpy", *(items[(n * n) % len(items)] for n in range(400))],
        }
    ).write_parquet(tmp_path / "events.parquet")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(code, names)
    assert capsys.readouterr().out
    names["rec"].close()
