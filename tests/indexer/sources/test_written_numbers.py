"""Numbers as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semrec.indexer.sources.written_numbers import (
    column_mark,
    decimal_mark,
    has_currency,
    is_currency_alone,
    read_number,
)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("12", 12),
        ("-3", -3),
        ("9.5", 9.5),
        (".5", 0.5),
        ("1,234.50", 1234.5),
        ("1.234,50", 1234.5),
        ("1,234,567", 1_234_567),
        ("1.234.567", 1_234_567),
        ("1 234,5", 1234.5),
        ("1'299.00", 1299.0),
        ("$9.99", 9.99),
        ("US$ 1,299", 1299),
        ("-$5", -5),
        ("12 €", 12),
        ("1.299,00 €", 1299.0),
        ("EUR 7", 7),
        ("19,90 zł", 19.9),
        ("9,99", 9.99),
        ("0,123", 0.123),
        ("1234.567", 1234.567),
    ],
)
def test_a_written_number_is_read(text, number):
    assert read_number(text) == number


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        ".",
        "$",
        "007",
        "1.2.3",
        "12-15",
        "12.05.2020",
        "1,23,456.0",
        "5%",
        "call us",
        "555 123 456",
        "1e",
        "0 123",
    ],
)
def test_other_texts_are_no_numbers(text):
    assert read_number(text) is None


def test_the_column_decides_what_can_be_read_in_two_ways():
    assert (read_number("1,234", "."), read_number("1,234", ",")) == (1234, 1.234)
    assert (read_number("1.234", "."), read_number("1.234", ",")) == (1.234, 1234)
    assert column_mark(["1.234", "9,99", "12"]) == ","
    assert column_mark(["1,234", "12"]) == "."
    assert [decimal_mark(text) for text in ("1,234", "9,99", "1.234,5", "1,234,567", "12")] == [
        None,
        ",",
        ",",
        ".",
        None,
    ]


def test_currency_signs():
    assert all(map(has_currency, ("$5", "5 €", "CHF 1'000")))
    assert not any(map(has_currency, ("5", "$", "EUR", "A$AP", "5 pcs")))
    assert all(map(is_currency_alone, ("$", " € ", "EUR")))
    assert not is_currency_alone("5")


@given(st.integers(-(10**15), 10**15))
def test_thousands_of_both_kinds_are_the_same_number(number):
    assert read_number(f"{number:,}.0") == number
    assert read_number(f"{number:,}".replace(",", ".") + ",0") == number
