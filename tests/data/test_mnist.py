"""MNIST from a folder, and its download from a server on this machine only."""

import gzip
import hashlib
import http.server
import os
import threading
import urllib.request
from functools import partial

import numpy
import pytest
import torch

from geomdl.data import load, mnist
from geomdl.data.download import fetch
from tests.data.test_files import idx


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    """Nothing but this machine may be asked, and no folder comes from outside."""
    monkeypatch.delenv("GEOMDL_DATA", raising=False)
    true_urlopen = urllib.request.urlopen

    def local(url, **options):
        assert url.startswith(("http://127.0.0.1:", "file:///"))
        return true_urlopen(url, **options)

    monkeypatch.setattr(urllib.request, "urlopen", local)


def digits(n: int, seed: int) -> tuple[numpy.ndarray, numpy.ndarray]:
    rng = numpy.random.default_rng(seed)
    images = rng.integers(0, 256, (n, 28, 28), dtype=numpy.uint8)
    return images, rng.integers(0, 10, n, dtype=numpy.uint8)


@pytest.fixture
def small(tmp_path):
    images, labels = digits(6, 0)
    numpy.savez(tmp_path / "mnist8k.npz", images=images, labels=labels)
    return tmp_path


def check(data, images, labels):
    assert data["images"].dtype == torch.float32
    assert data["labels"].dtype == torch.int64
    assert torch.equal((255 * data["images"][:, 0]).round(), torch.from_numpy(images).float())
    assert torch.equal(data["labels"], torch.from_numpy(labels).long())


def test_small_file_by_root_and_by_environment(small, monkeypatch):
    check(load("mnist", root=small), *digits(6, 0))
    check(load("mnist", root=str(small), download=True), *digits(6, 0))  # nothing to fetch
    monkeypatch.setenv("GEOMDL_DATA", str(small))
    check(load("mnist"), *digits(6, 0))


def test_no_folder():
    with pytest.raises(FileNotFoundError) as caught:
        load("mnist")
    assert str(caught.value) == (
        "mnist: give root=, or set GEOMDL_DATA, to the folder with mnist8k.npz"
        " or the four files of MNIST"
    )


@pytest.mark.parametrize("exists", [True, False])
def test_nothing_in_the_folder(exists, tmp_path):
    folder = tmp_path if exists else tmp_path / "none"
    with pytest.raises(FileNotFoundError) as caught:
        load("mnist", root=folder)
    assert str(caught.value) == (
        f"mnist: neither mnist8k.npz nor train-images-idx3-ubyte.gz in {folder}; put one there,"
        " or fetch the official files with download=True"
    )


def test_truncated_small_file(small):
    path = small / "mnist8k.npz"
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(ValueError, match=r"mnist8k.npz: expected a whole .npz file, got ") as error:
        load("mnist", root=small)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (
            {"images": digits(2, 0)[0]},
            "{path}: expected an array of numbers called labels, got none",
        ),
        (
            {"images": numpy.array(["a"]), "labels": digits(1, 0)[1]},
            "{path}: expected an array of numbers called images, got <U1",
        ),
        (
            {"images": digits(2, 0)[0] / 255, "labels": digits(2, 0)[1]},
            "{folder}: images should be uint8 of shape (n, 28, 28),"
            " got torch.float64 of shape (2, 28, 28)",
        ),
        (
            {"images": digits(2, 0)[0][:, :8, :8], "labels": digits(2, 0)[1]},
            "{folder}: images should be uint8 of shape (n, 28, 28),"
            " got torch.uint8 of shape (2, 8, 8)",
        ),
        (
            {"images": digits(2, 0)[0], "labels": numpy.array([3, -1])},
            "{folder}: labels should be 0 to 9, got -1",
        ),
        (
            {"images": digits(2, 0)[0], "labels": numpy.array([3.0, 1.0])},
            "{folder}: labels should be integers, got torch.float64",
        ),
        (
            {"images": digits(2, 0)[0], "labels": digits(3, 0)[1]},
            "mnist: expected a label for each image, got 2 and 3",
        ),
    ],
)
def test_foreign_small_file(arrays, message, tmp_path):
    path = tmp_path / "mnist8k.npz"
    numpy.savez(path, **arrays)
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared
        load("mnist", root=tmp_path)
    assert str(caught.value) == message.format(path=path, folder=tmp_path)


# The official files


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A folder with four small idx files, served by this machine, their hashes known."""
    folder = tmp_path / "served"
    folder.mkdir()
    train, test = digits(5, 1), digits(3, 2)
    hashes = {}
    for name, array in zip(mnist.SHA256, (*train, *test), strict=True):
        content = gzip.compress(idx(array))
        (folder / f"{name}-ubyte.gz").write_bytes(content)
        hashes[name] = hashlib.sha256(content).hexdigest()
    monkeypatch.setattr(mnist, "SHA256", hashes)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    handler = partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        monkeypatch.setattr(mnist, "MIRRORS", (f"http://127.0.0.1:{running.server_port}/",))
        yield folder
        running.shutdown()
        thread.join()


EVERYTHING = [numpy.concatenate(pair) for pair in zip(digits(5, 1), digits(3, 2), strict=True)]


def test_official_files(server):
    check(load("mnist", root=server), *EVERYTHING)


def test_download_into_a_new_folder_and_only_what_is_missing(server, tmp_path):
    root = tmp_path / "new" / "folder"
    check(load("mnist", root=root, download=True), *EVERYTHING)
    assert sorted(os.listdir(root)) == sorted(os.listdir(server))
    for path in server.iterdir():
        path.unlink()
    check(load("mnist", root=root, download=True), *EVERYTHING)
    check(load("mnist", root=root), *EVERYTHING)


def test_second_mirror_and_file_urls(server, tmp_path, monkeypatch):
    mirrors = (*mnist.MIRRORS, server.as_uri() + "/")
    monkeypatch.setattr(mnist, "MIRRORS", ("http://127.0.0.1:9/", mirrors[0] + "none/", mirrors[1]))
    check(load("mnist", root=tmp_path / "new", download=True), *EVERYTHING)


def test_some_official_files_are_missing(server):
    (server / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(FileNotFoundError, match=r"nor t10k-labels-idx1-ubyte.gz in "):
        load("mnist", root=server)


def test_wrong_hash_keeps_nothing(server, tmp_path):
    first = server / "train-images-idx3-ubyte.gz"
    expected = mnist.SHA256["train-images-idx3"]
    first.write_bytes(first.read_bytes()[:-1])
    found = hashlib.sha256(first.read_bytes()).hexdigest()
    root = tmp_path / "new"
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared
        load("mnist", root=root, download=True)
    assert str(caught.value) == (
        f"{mnist.MIRRORS[0]}{first.name}: expected sha256 {expected}, got {found}; not kept"
    )
    assert not root.exists()


def test_unreachable_and_missing_on_the_server(server, tmp_path, monkeypatch):
    (server / "train-images-idx3-ubyte.gz").unlink()
    root = tmp_path / "new"
    with pytest.raises(OSError, match=r"^http://127.*-ubyte.gz: cannot be fetched .*404") as caught:
        load("mnist", root=root, download=True)
    assert str(caught.value).endswith(f"; put the file into {root} by hand")
    monkeypatch.setattr(mnist, "MIRRORS", ("http://127.0.0.1:9/",))
    with pytest.raises(OSError, match=r"^http://127.0.0.1:9/.*: cannot be fetched"):
        load("mnist", root=root, download=True)
    assert not root.exists()


def test_unwritable_folder(server, tmp_path):
    (tmp_path / "file").touch()
    root = tmp_path / "file" / "folder"
    with pytest.raises(OSError, match=r"folder: cannot be written \(Not a directory\)$") as caught:
        load("mnist", root=root, download=True)
    assert str(caught.value).startswith(str(root))


def test_cut_connection_keeps_nothing(tmp_path):
    class Liar(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"short")

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Liar) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        url = f"http://127.0.0.1:{running.server_port}/a.gz"
        with pytest.raises(OSError, match=r"a.gz: cannot be fetched \(IncompleteRead"):
            fetch([url], tmp_path / "a.gz", "0" * 64)
        running.shutdown()
        thread.join()
    assert not list(tmp_path.iterdir())


def test_official_files_of_another_shape(server):
    images = numpy.zeros((3, 8, 8), dtype=numpy.uint8)
    path = server / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(idx(images)))
    message = (
        r"t10k-images-idx3-ubyte.gz: images should be like those of train-images.*, got \(3, 8"
    )
    with pytest.raises(ValueError, match=message):
        load("mnist", root=server)


def test_the_true_hashes_are_whole():
    assert all(len(value) == 64 and int(value, 16) for value in mnist.SHA256.values())
    assert all(mirror.startswith("https://") and mirror.endswith("/") for mirror in mnist.MIRRORS)
