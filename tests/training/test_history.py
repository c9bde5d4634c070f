import json
import os

import pytest

from geomdl.training.history import History, read_history, writable_folder


def test_each_row_is_on_the_disk_as_soon_as_it_is_appended(tmp_path):
    history = History(tmp_path / "history.jsonl")
    for epoch in (1, 2, 3):
        history.append({"epoch": epoch, "train_loss": 0.1 * epoch})
        lines = (tmp_path / "history.jsonl").read_text().splitlines()
        assert [json.loads(line) for line in lines] == history.rows
    assert len(history) == 3
    assert list(history) == read_history(tmp_path / "history.jsonl")


def test_a_history_begins_with_the_rows_it_is_given_and_no_others(tmp_path):
    path = tmp_path / "history.jsonl"
    path.write_text('{"epoch": 1}\n{"epoch": 2}\n{"epoch": 3, "tr')  # as a kill leaves it
    history = History(path)
    history.begin([{"epoch": 1, "train_loss": 1 / 3}])
    history.append({"epoch": 2})
    assert read_history(path) == history.rows == [{"epoch": 1, "train_loss": 1 / 3}, {"epoch": 2}]
    History(path).begin([])
    assert read_history(path) == []
    assert os.listdir(tmp_path) == ["history.jsonl"]


def test_a_last_line_cut_short_is_left_out_and_one_within_is_refused(tmp_path):
    path = tmp_path / "history.jsonl"
    path.write_text('{"epoch": 1}\n{"epoch": 2, "tr')
    assert read_history(path) == [{"epoch": 1}]
    path.write_text('{"epoch": 1\n{"epoch": 2}\n')
    with pytest.raises(ValueError, match=r"line 1 should be JSON, got '\{\"epoch\": 1'"):
        read_history(path)


def test_folder_is_made_and_left_clean(tmp_path):
    folder = writable_folder(tmp_path / "a" / "b")
    assert folder.is_dir()
    assert list(folder.iterdir()) == []


def test_unwritable_folder_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(
        ValueError, match=r"^folder: should be a writable folder, got .*file/run "
    ) as e:
        writable_folder(tmp_path / "file" / "run")
    assert "\n" not in str(e.value)
    if os.name == "posix":  # /proc refuses even the superuser
        with pytest.raises(ValueError, match=r"^folder: should be a writable folder, got /proc"):
            writable_folder("/proc/run")
