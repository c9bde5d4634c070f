import os
import re
import subprocess
import sys

import pytest

from geomdl.cli import main
from geomdl.cli.app import COMMANDS


def test_help_names_every_command(capsys):
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    for command in COMMANDS:
        assert re.search(rf"^\s+{command}\s", shown, re.MULTILINE)
    assert main([]) == 0
    assert capsys.readouterr().out == shown


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command, capsys):
    assert main([command, "--help"]) == 0
    assert f"geomdl {command}" in capsys.readouterr().out


def test_version(capsys):
    import geomdl

    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"geomdl {geomdl.__version__}\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["frobnicate"], "invalid choice: 'frobnicate'"),
        (["bench", "--seeds", "three"], "argument --seeds: invalid int value: 'three'"),
        (["bench", "--budget", "-5", "--out", "{tmp}"], "budget: expected a positive number"),
        (["bench", "digit", "--out", "{tmp}"], "suite: no suite 'digit'; there are "),
        (["bench", "--seeds", "0", "--out", "{tmp}"], "seeds: expected at least 1, got 0"),
        (["bench", "--out", "{tmp}/file/out"], "out: expected a folder that can be written to"),
        (["bench", "--data", "mnsit", "--out", "{tmp}"], "did you mean 'mnist'?"),
        (["bench", "--data", "mnist", "--root", "{tmp}", "--out", "{tmp}"], "mnist8k.npz"),
        (["report", "{tmp}"], "results: no file"),
        (["list", "shapes"], "invalid choice: 'shapes'"),
        (["list", "groups", "Q9"], "groups: no name matches 'Q9'"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(words, message, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main([word.replace("{tmp}", str(tmp_path)) for word in words]) == 2
    out, err = capsys.readouterr()
    lines = [line for line in err.splitlines() if line.startswith("geomdl: ")]
    assert out == ""
    assert len(lines) == 1
    assert message in lines[0]
    assert "Traceback" not in err


def test_a_defect_keeps_its_traceback(monkeypatch):
    from geomdl.cli import report_command

    monkeypatch.setattr(report_command, "run", lambda arguments: [][1])
    with pytest.raises(IndexError):
        main(["report"])


def test_debugging_shows_where_a_mistake_was_found(monkeypatch):
    monkeypatch.setenv("GEOMDL_DEBUG", "1")
    with pytest.raises(ValueError, match="no suite"):
        main(["bench", "digit"])


def test_an_interruption_is_no_traceback(monkeypatch, capsys):
    from geomdl.cli import report_command

    def stop(arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(report_command, "run", stop)
    assert main(["report"]) == 130
    assert capsys.readouterr().err == "geomdl: interrupted\n"


def test_a_reader_that_has_had_enough_is_no_error():
    code = "from geomdl.cli import main; raise SystemExit(main(['list', 'groups']))"
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([sys.executable, "-c", code], stdout=write, stderr=subprocess.PIPE)
    os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from geomdl.cli import main; code = main(['--help']); "
        "heavy = {'torch', 'numpy', 'scipy', 'matplotlib', 'rich', 'sklearn'} & set(sys.modules); "
        "print(heavy, file=sys.stderr); raise SystemExit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "set()\n"


def test_python_dash_m():
    done = subprocess.run(
        [sys.executable, "-m", "geomdl", "list", "groups", "Q*"], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Q8")
