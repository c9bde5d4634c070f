import sys

import pytest

from geomdl.auditing import progress


def test_nothing_is_written_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "PATIENCE", -1.0)
    assert list(progress.track(range(5), "audit")) == [0, 1, 2, 3, 4]
    assert capsys.readouterr() == ("", "")


def test_no_bar_for_quick_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rich.progress", None)  # importing it would fail
    assert list(progress.track([1, 2, 3], "audit", enabled=True)) == [1, 2, 3]


@pytest.mark.parametrize("n", [0, 1, 5])
def test_every_item_comes_once_with_a_bar(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PATIENCE", -1.0)
    assert list(progress.track(range(n), "audit", enabled=True)) == list(range(n))
