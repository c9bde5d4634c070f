import json
import os
import platform
import subprocess

import torch

from geomdl.bench.environment import commit, environment, processor, versions


def test_it_names_no_host_user_or_folder():
    text = json.dumps(environment())
    for private in (platform.node(), os.path.expanduser("~"), os.getcwd()):
        assert len(private) < 3 or private not in text
    assert "/" not in text.replace("\\/", "/").replace("w/", "")


def test_it_tells_what_matters():
    about = environment()
    assert about["versions"]["torch"] == versions(("torch",))["torch"]
    assert about["threads"] == torch.get_num_threads()
    assert about["cpu"] == processor() != ""


def git(folder, *words):
    name = ["-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run(["git", *name, "-C", folder, *words], check=True, capture_output=True)


def test_the_commit_is_that_of_the_package_and_says_when_it_was_changed(tmp_path):
    package = tmp_path / "package"
    package.mkdir()
    assert commit(package) is None  # no repository
    git(tmp_path, "init")
    (package / "__init__.py").write_text("")
    (tmp_path / "other.py").write_text("")
    git(tmp_path, "add", "other.py")
    git(tmp_path, "commit", "-m", "x")
    assert commit(package) is None  # a repository that does not track the package
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "y")
    head = commit(package)
    assert head is not None
    assert len(head) == 12
    (tmp_path / "untracked").write_text("")
    assert commit(package) == head
    (package / "__init__.py").write_text("changed")
    assert commit(package) == head + "-dirty"
