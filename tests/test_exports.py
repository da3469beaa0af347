"""The public names of semrec."""

from __future__ import annotations

import ast
import inspect
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
    assert sorted(alias.name for node in guarded.body for alias in node.names) == semrec.__all__


def test_other_names_are_no_attributes():
    with pytest.raises(AttributeError, match="'semrec' has no attribute 'Recomender'"):
        _ = semrec.Recomender


def test_every_error_of_semrec_is_a_semrec_error():
    from semrec import errors

    kinds = [value for value in vars(errors).values() if inspect.isclass(value)]
    assert all(issubclass(kind, semrec.SemrecError) for kind in kinds)
    assert all(inspect.getdoc(kind) for kind in kinds)
