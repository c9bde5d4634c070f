import pytest

import geomdl
from geomdl.cli import main
from geomdl.cli.list_command import GROUPS


@pytest.mark.parametrize("name", GROUPS)
def test_every_example_of_a_group_is_a_group(name):
    assert geomdl.group(name).name


def test_groups_match_a_pattern(capsys):
    assert main(["list", "groups", "S*3"]) == 0
    names = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert names == ["SO3", "SE3"]


@pytest.mark.parametrize(
    ("what", "pattern", "name"),
    [
        ("models", "steerable/*", "steerable/d4_cnn"),
        ("layers", "steerable/*", "steerable/Conv"),
        ("suites", "d*", "digits"),
        ("data", "mn*", "mnist"),
    ],
)
def test_names(what, pattern, name, capsys):
    assert main(["list", what, pattern]) == 0
    assert name in capsys.readouterr().out.splitlines()


def test_without_a_kind_everything_is_listed(capsys):
    assert main(["list"]) == 0
    shown = capsys.readouterr().out
    for head in ("groups:", "models:", "layers:", "suites:", "data:"):
        assert f"\n{head}\n" in "\n" + shown
