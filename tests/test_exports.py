"""The public names of semrec."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import semrec


def test_public_names_are_sorted():
    assert sorted(semrec.__all__) == semrec.__all__
    assert dir(semrec) == semrec.__all__


@pytest.mark.parametrize("name", semrec.__all__)
def test_every_public_name_is_there_and_documented(name):
    value = getattr(semrec, name)
    assert value.__name__ == name
    assert inspect.getdoc(value)
    assert not inspect.getdoc(value).startswith(f"{name}(")  # what dataclasses write by themselves


@pytest.mark.parametrize("name", semrec.__all__)
def test_public_methods_are_documented(name):
    value = getattr(semrec, name)
    for method, function in vars(value).items():
        if not method.startswith("_") and inspect.isfunction(function):
            assert inspect.getdoc(function), f"{name}.{method}"


def test_the_type_checker_sees_the_same_names():
    tree = ast.parse(Path(semrec.__file__).read_text(encoding="utf-8"))
    guarded = next(node for node in tree.body if isinstance(node, ast.If))
    imported = {node.module: tuple(alias.name for alias in node.names) for node in guarded.body}
    assert imported == semrec._NAMES
    assert sorted(name for names in imported.values() for name in names) == semrec.__all__


def test_other_names_are_no_attributes():
    with pytest.raises(AttributeError, match="'semrec' has no attribute 'Recomender'"):
        _ = semrec.Recomender


def test_import_loads_no_library():
    code = "import semrec, sys; print({'numpy', 'polars', 'pydantic', 'torch'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"


def test_every_error_is_public_and_a_semrec_error():
    from semrec import errors

    kinds = [value for value in vars(errors).values() if inspect.isclass(value)]
    assert all(issubclass(kind, semrec.SemrecError) for kind in kinds)
    assert {kind.__name__ for kind in kinds} <= set(semrec.__all__)


def test_every_group_of_settings_is_public():
    groups = [field.annotation.__name__ for field in semrec.Settings.model_fields.values()]
    assert set(groups) <= set(semrec.__all__)


def test_the_types_in_the_methods_of_the_recommender_are_public():
    """A caller can name everything that goes in and comes out."""
    own = re.compile(r"\b[A-Z][A-Za-z]+\b")
    outside = {
        "Any",
        "AnyId",
        "Callable",
        "Float1D",
        "Float2D",
        "Iterable",
        "Iterator",
        "Mapping",
        "None",
        "Path",
        "Sequence",
    }
    inside = {"Generation", "Store", "BaseException", "TracebackType"}  # for those who look into the index
    named = set()
    for name, function in vars(semrec.Recommender).items():
        if inspect.isfunction(function) and (not name.startswith("_") or name == "__init__"):
            named |= {word for note in function.__annotations__.values() for word in own.findall(note)}
    assert named - outside - inside <= set(semrec.__all__)


def test_the_version_is_that_of_the_package():
    assert semrec.__version__ == version("semrec")
