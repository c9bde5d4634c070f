import io

import pytest
from rich.console import Console

from geomdl.bench.results import Column, Table
from geomdl.bench.table import (
    best,
    duration,
    markdown,
    parts_of,
    rich_table,
    scientific,
    size,
    text_of,
)
from tests.bench.fakes import COLUMNS, ROWS

TABLE = Table("models", COLUMNS, ROWS)


def test_markdown_sets_the_best_in_bold():
    assert markdown(TABLE).splitlines() == [
        "| model | accuracy | equivariance error | time a step | memory | parameters |",
        "|:--|--:|--:|--:|--:|--:|",
        "| plain <CNN> | 87.5 ± 1.0 % | 0.25 | 1.00× [1.00, 1.00] | 19.3 MB | 51,234 |",
        "| D4 network | **97.5 ± 0.2 %** | **1.2×10⁻¹⁵** | 3.40× [3.30, 3.60] | 999 B | n/a |",
    ]


def test_the_terminal_shows_the_same_texts():
    console = Console(file=io.StringIO(), width=200)
    console.print(rich_table(TABLE))
    shown = console.file.getvalue()
    for column in COLUMNS:
        for row in ROWS:
            assert text_of(column, row[column.key]) in shown


def test_on_a_narrow_terminal_the_table_stands_on_its_side():
    console = Console(file=io.StringIO(), width=70)
    console.print(rich_table(TABLE, console.width))
    lines = console.file.getvalue().splitlines()
    assert max(map(len, lines)) <= 70
    assert any("plain <CNN>" in line and "D4 network" in line for line in lines)
    assert any(line.split() == ["parameters", "51,234", "n/a"] for line in lines)


@pytest.mark.parametrize(
    ("kind", "cell", "text"),
    [
        ("text", "a", "a"),
        ("text", 3, "3"),
        ("percent", 0.5, "50.0 %"),
        ("percent", {"mean": 0.5, "sd": 0.0, "n": 1}, "50.0 %"),
        ("percent", {"mean": None, "sd": None, "n": 3}, "n/a"),
        ("milliseconds", 0.0123, "12.3 ms"),
        ("milliseconds", 0.017, "17.0 ms"),
        ("milliseconds", 0.697, "697 ms"),
        ("points", {"mean": -0.21, "low": -0.259, "high": 0.01}, "−21.0 [−25.9, +1.0]"),
        ("ratio", {"median": 0.0412, "low": 0.04, "high": 0.043}, "0.041× [0.040, 0.043]"),
        ("seconds", {"median": 0.5, "low": 0.4, "high": 0.6}, "0.500 s [0.400, 0.600]"),
        ("count", 1234567, "1,234,567"),
        ("scientific", 0.0, "0"),
        ("scientific", None, "n/a"),
        ("percent", "does not apply", "does not apply"),
    ],
)
def test_cells(kind, cell, text):
    assert text_of(Column("x", "x", kind), cell) == text


def test_an_unknown_kind_names_the_known():
    with pytest.raises(
        ValueError, match=r"column x: no kind 'percents' for 0.5; it has text, perc"
    ):
        parts_of(Column("x", "x", "percents"), 0.5)


def test_equal_as_printed_is_equally_good():
    column = Column("x", "x", "percent", better="higher")
    table = Table("t", (column,), ({"x": 0.97301}, {"x": 0.97299}, {"x": 0.5}, {"x": None}))
    assert best(table, column) == {0, 1}
    assert best(Table("t", (column,), ({"x": 1.0}, {"x": 1.0})), column) == set()
    assert best(Table("t", (column,), ({"x": 1.0},)), column) == set()
    assert best(table, Column("x", "x", "percent")) == set()


def test_a_bar_in_a_cell_does_not_break_the_row():
    table = Table("t", (Column("x", "x"),), ({"x": "a|b"},))
    assert "a\\|b" in markdown(table)


def test_numbers_in_words():
    assert [scientific(v) for v in (1.0, 0.01, 0.0099, -3e5, 123)] == [
        "1", "0.01", "9.9×10⁻³", "-3.0×10⁵", "1.2×10²"]  # fmt: skip
    assert [size(v) for v in (12, 1234, 5e9)] == ["12 B", "1.23 kB", "5 GB"]
    assert [duration(v) for v in (0.99, 60, 119.7, 3600)] == [
        "990 ms", "60 s", "2 min 0 s", "60 min 0 s"]  # fmt: skip
