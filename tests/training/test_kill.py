"""A run killed by SIGKILL goes on and ends bit for bit as one that was never killed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="SIGKILL and fork are POSIX")


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What killed.py tells, by the name of the trial."""
    script = Path(__file__).with_name("killed.py")
    done = subprocess.run(
        [sys.executable, script, tmp_path_factory.mktemp("killed")],
        capture_output=True, text=True, timeout=500, check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    first, *trials = [json.loads(line) for line in done.stdout.splitlines()]
    return first["facts"], {trial.pop("name"): trial for trial in trials}


def test_the_run_is_worth_it(told):
    """It stops early, after a best epoch that is neither the first nor the last."""
    facts, _ = told
    assert facts["stopped"] == "patience"
    assert 3 < facts["best"] == len(facts["rows"]) - 6


def test_killed_at_20_moments_it_ends_bit_for_bit_the_same(told):
    _, trials = told
    honest = {name: trial for name, trial in trials.items() if not name.startswith("sabotage")}
    assert {name: trial["differs"] for name, trial in honest.items() if trial["differs"]} == {}
    kills = [all(trial["died"]) for trial in honest.values() if trial["died"]]
    assert kills == [True] * 20


def test_each_part_of_the_checkpoint_is_needed(told):
    """The twin: what is not put back is seen."""
    _, trials = told
    broken = {name: trial for name, trial in trials.items() if name.startswith("sabotage")}
    assert len(broken) == 7
    for name, trial in broken.items():
        assert trial["died"] == [True], name
        assert "history.jsonl" in trial["differs"], name
        if not name.endswith(("losses", "row")):
            assert "result.safetensors 5.weight" in trial["differs"], name
