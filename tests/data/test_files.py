"""Reading files: round trips, and every kind of damage as one line."""

import gzip
import tempfile
from pathlib import Path

import numpy
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from geomdl.data import data_folder, load
from geomdl.data.files import read_idx, read_npz


def images_and_labels(n: int = 5) -> dict[str, numpy.ndarray]:
    rng = numpy.random.default_rng(0)
    return {
        "images": rng.integers(0, 256, (n, 6, 7), dtype=numpy.uint8),
        "labels": rng.integers(0, 10, n, dtype=numpy.uint8),
    }


def test_npz_of_images(tmp_path):
    arrays = images_and_labels()
    numpy.savez(tmp_path / "mine.npz", **arrays)
    for tensors in load(tmp_path / "mine.npz"), load("mine.npz", root=tmp_path):
        assert list(tensors) == ["images", "labels"]
        assert torch.equal(
            tensors["images"], torch.from_numpy(arrays["images"]).float().unsqueeze(1) / 255
        )
        assert torch.equal(tensors["labels"], torch.from_numpy(arrays["labels"]).long())


def test_npz_keeps_types(tmp_path):
    arrays = {
        "images": numpy.zeros((2, 3, 4, 4)),
        "labels": numpy.array([1, 2], dtype=">i2"),
        "z": numpy.array([1, 6, 8], dtype=numpy.int32),
        "pos": numpy.zeros((3, 3), dtype=">f8"),
        "mask": numpy.array([True, False]),
        "energy": numpy.float32(-1.5),
    }
    numpy.savez_compressed(tmp_path / "mine.npz", **arrays)
    tensors = load(str(tmp_path / "mine.npz"))
    assert {name: value.dtype for name, value in tensors.items()} == {
        "images": torch.float64,
        "labels": torch.int64,
        "z": torch.int32,
        "pos": torch.float64,
        "mask": torch.bool,
        "energy": torch.float32,
    }
    assert tensors["images"].shape == (2, 3, 4, 4)
    assert tensors["labels"].tolist() == [1, 2]
    assert tensors["energy"].item() == -1.5


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (
            {"images": numpy.zeros((2, 4))},
            "images should be (n, [channels,] h, w), got shape (2, 4)",
        ),
        (
            {"images": numpy.zeros((2, 4, 4), dtype=int)},
            "images should be uint8 or floating, got torch.int64",
        ),
        ({"labels": numpy.zeros(3)}, "labels should be integers, got torch.float64"),
        ({"labels": numpy.zeros(3, dtype=bool)}, "labels should be integers, got torch.bool"),
        (
            {"labels": numpy.zeros((3, 1), dtype=int)},
            "labels should have shape (n,), got (3, 1)",
        ),
        ({"names": numpy.array(["a", "b"])}, "names should hold numbers, got <U1"),
        ({"x": numpy.zeros(2, dtype=numpy.longdouble)}, "x has no torch type, got float128"),
    ],
)
def test_wrong_arrays(arrays, message, tmp_path):
    path = tmp_path / "mine.npz"
    numpy.savez(path, **arrays)
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared
        load(path)
    assert str(caught.value) == f"{path}: {message}"


def test_missing_files(tmp_path):
    path = tmp_path / "none.npz"
    for read in (load, read_npz, lambda p: read_idx(p, 3)):
        with pytest.raises(FileNotFoundError) as caught:
            read(path)
        assert str(caught.value) == f"{path}: no such file"
    with pytest.raises(FileNotFoundError, match="no such file"):
        read_npz(tmp_path)  # a folder


def test_folder_of_the_data(monkeypatch, tmp_path):
    monkeypatch.delenv("GEOMDL_DATA", raising=False)
    message = r"^mine: give root=, or set GEOMDL_DATA, to the folder with mine.npz$"
    with pytest.raises(FileNotFoundError, match=message):
        data_folder("mine", None, "mine.npz")
    monkeypatch.setenv("GEOMDL_DATA", "")
    with pytest.raises(FileNotFoundError, match=message):
        data_folder("mine", None, "mine.npz")
    monkeypatch.setenv("GEOMDL_DATA", str(tmp_path))
    assert data_folder("mine", None, "mine.npz") == tmp_path
    assert data_folder("mine", "elsewhere", "mine.npz") == Path("elsewhere")


class Bomb:
    """Raises where it is unpickled."""

    def __reduce__(self):
        return (pytest.fail, ("unpickled",))


def test_nothing_is_unpickled(tmp_path):
    path = tmp_path / "objects.npz"
    numpy.savez(path, images=numpy.array([Bomb()], dtype=object))
    check_one_line(path, read_npz)
    numpy.save(tmp_path / "array.npy", numpy.zeros(3))
    (tmp_path / "array.npy").rename(path)
    check_one_line(path, read_npz)
    path.write_bytes(b"\x80\x04}\x94.")  # a pickle
    check_one_line(path, read_npz)


def check_one_line(path: Path, read):
    with pytest.raises(ValueError, match=r": expected a whole .* file") as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def npz_bytes(save) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        save(Path(folder) / "a.npz", **images_and_labels(2))
        return (Path(folder) / "a.npz").read_bytes()


STORED, DEFLATED = npz_bytes(numpy.savez), npz_bytes(numpy.savez_compressed)


@pytest.mark.parametrize("whole", [STORED, DEFLATED], ids=["stored", "deflated"])
def test_every_truncated_npz_is_refused(whole, tmp_path):
    path = tmp_path / "cut.npz"
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        check_one_line(path, read_npz)


@given(
    whole=st.sampled_from([STORED, DEFLATED]),
    where=st.floats(0, 1, exclude_max=True),
    flip=st.integers(1, 255),
)
@settings(max_examples=300)
def test_a_changed_byte_never_changes_a_number(whole, where, flip):
    """The zip holds a checksum of each array; names and dates it does not cover."""
    damaged = bytearray(whole)
    damaged[int(where * len(whole))] ^= flip
    truth = images_and_labels(2)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "damaged.npz"
        path.write_bytes(damaged)
        try:
            arrays = read_npz(path)
        except ValueError:
            check_one_line(path, read_npz)
            return
    for name in set(arrays) & set(truth):
        assert numpy.array_equal(arrays[name], truth[name])


# idx


def idx(array: numpy.ndarray) -> bytes:
    sizes = b"".join(n.to_bytes(4, "big") for n in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()


@pytest.mark.parametrize("shape", [(3,), (0,), (2, 4, 5), (0, 4, 5)])
def test_idx_round_trip(shape, tmp_path):
    array = numpy.random.default_rng(0).integers(0, 256, shape, dtype=numpy.uint8)
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(idx(array)))
    assert torch.equal(read_idx(path, len(shape)), torch.from_numpy(array))


def test_damaged_idx(tmp_path):
    path = tmp_path / "a.gz"
    good = idx(numpy.arange(12, dtype=numpy.uint8).reshape(3, 2, 2))
    huge = bytes([0, 0, 8, 3]) + b"\xff" * 12
    cases = {
        "fewer than 12 bytes": gzip.compress(good[:-1]),
        "more than 12 bytes": gzip.compress(good + b"x"),
        "the header 00000803": gzip.compress(good[:9]),
        "the header 00000d03": gzip.compress(b"\x00\x00\x0d\x03" + good[4:]),
        "a header for 79228162458924105385300197375 bytes": gzip.compress(huge),
        "Not a gzipped file": good,
        "the header ": gzip.compress(b""),
    }
    for message, content in cases.items():
        path.write_bytes(content)
        check_one_line(path, lambda p: read_idx(p, 3))
        with pytest.raises(ValueError, match=f"expected a whole idx file of 3 axes, got {message}"):
            read_idx(path, 3)
    path.write_bytes(gzip.compress(good))
    with pytest.raises(ValueError, match="of 1 axes, got the header 00000803"):
        read_idx(path, 1)


def test_every_truncated_idx_is_refused(tmp_path):
    path = tmp_path / "cut.gz"
    whole = gzip.compress(idx(images_and_labels(1)["images"]))
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        check_one_line(path, lambda p: read_idx(p, 3))
