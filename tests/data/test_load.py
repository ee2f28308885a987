import bz2
import functools
import gzip
import hashlib
import http.server
import io
import os
import socket
import struct
import sys
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from nbdgm.data import DATASETS, DataError, Images, load
from nbdgm.data import faces as loading_faces
from nbdgm.data import load as load_function

loading = sys.modules["nbdgm.data.load"]
SHARED = Path(os.environ.get("NBDGM_DATA") or Path(__file__).parents[3] / "shared" / "data")
with_files = pytest.mark.skipif(not (SHARED / "MNIST/raw").is_dir(), reason=f"no MNIST in {SHARED} (set NBDGM_DATA)")


@pytest.fixture(autouse=True)
def nothing_anywhere(monkeypatch, tmp_path):
    """No data, an empty cache, no network: each test brings what it needs."""
    monkeypatch.delenv("NBDGM_DATA", raising=False)
    monkeypatch.setenv("NBDGM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NBDGM_OFFLINE", "1")


@pytest.fixture
def mirror(tmp_path):
    """A folder, and the address at which it is served."""
    (tmp_path / "mirror").mkdir()
    handler = functools.partial(QuietHandler, directory=str(tmp_path / "mirror"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield tmp_path / "mirror", f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture
def blocked(monkeypatch):
    """A machine without a network, which is told by nobody."""
    monkeypatch.delenv("NBDGM_OFFLINE")

    def refuse(*args, **kwargs):
        raise OSError("network is unreachable")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def idx(array: np.ndarray) -> bytes:
    return gzip.compress(struct.pack(f">I{array.ndim}I", 0x800 + array.ndim, *array.shape) + array.tobytes(), 1)


def fake_mnist(folder: Path, monkeypatch) -> dict[str, str]:
    """Four files with the right shapes, whose md5s are made the expected ones."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    sums = {}
    for kind, n in (("train", 60_000), ("t10k", 10_000)):
        x = np.zeros((n, 28, 28), np.uint8)
        x[:, 0, 0] = np.arange(n) % 256
        x[:, 27, 27] = 255
        for file, array in ((f"{kind}-images-idx3", x), (f"{kind}-labels-idx1", rng.integers(0, 10, n).astype(np.uint8))):
            content = idx(array)
            (folder / f"{file}-ubyte.gz").write_bytes(content)
            sums[f"{file}-ubyte.gz"] = hashlib.md5(content).hexdigest()
    monkeypatch.setitem(loading.IDX_SETS, "mnist", ("MNIST", sums))
    return sums


def test_splits_of_mnist(tmp_path, monkeypatch):
    fake_mnist(tmp_path / "data/MNIST/raw", monkeypatch)
    monkeypatch.setenv("NBDGM_DATA", str(tmp_path / "data"))
    train, valid, whole, test = (load("mnist", s) for s in ("train", "valid", "train+valid", "test"))
    assert [len(s) for s in (train, valid, whole, test)] == [50_000, 10_000, 60_000, 10_000]
    for images in (train, valid, whole, test):
        assert images.real and images.x.dtype == torch.float32 and images.y.dtype == torch.long
        assert images.x[:, 0, 27, 27].eq(1).all()
    assert torch.equal(torch.cat([train.y, valid.y]), whole.y)
    code = torch.arange(60_000) % 256 / 255
    torch.testing.assert_close(valid.x[:, 0, 0, 0], code[50_000:])
    torch.testing.assert_close(train.x[:, 0, 0, 0], code[:50_000])


def test_at_the_smoke_budget_the_stand_in_is_used_even_where_files_are(tmp_path, monkeypatch, capsys):
    fake_mnist(tmp_path / "data/MNIST/raw", monkeypatch)
    monkeypatch.setenv("NBDGM_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("NBDGM_BUDGET", "smoke")
    images = load("mnist")
    assert images.stand_in and not images.real
    assert capsys.readouterr().out == "mnist (at the smoke budget): 1,297 stand-ins, scikit-learn's digits.\n"


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist", "binarized-mnist"])
def test_stand_ins_have_the_right_form(name, monkeypatch, capsys):
    monkeypatch.setenv("NBDGM_BUDGET", "smoke")
    parts = {split: load(name, split) for split in ("train", "valid", "test")}
    for images in parts.values():
        assert images.stand_in and images.x.shape[1:] == (1, 28, 28)
        assert (images.y is None) == (name == "binarized-mnist")
        assert images.y is None or images.y.unique().tolist() == list(range(10))
        assert name != "binarized-mnist" or set(images.x.unique().tolist()) == {0.0, 1.0}
    seen = [{x.numpy().tobytes() for x in images.x} for images in parts.values()]
    assert not seen[0] & seen[1] and not seen[0] & seen[2] and not seen[1] & seen[2]
    assert capsys.readouterr().out.count("stand-ins") == 3


def test_the_enlarged_digits_can_still_be_told_apart():
    from sklearn.neighbors import KNeighborsClassifier

    train, test = load("digits"), load("digits", "test")
    assert train.real
    knn = KNeighborsClassifier(3).fit(train.x.flatten(1), train.y)
    assert knn.score(test.x.flatten(1), test.y) > 0.95


@pytest.mark.parametrize("name", ["faces", "glyphs"])
def test_drawn_data_is_real_and_its_splits_differ(name, monkeypatch):
    monkeypatch.setenv("NBDGM_BUDGET", "smoke")
    train, valid, whole = load(name), load(name, "valid"), load(name, "train+valid")
    assert train.real and train.factors and len(whole) == len(train) + len(valid)
    assert torch.equal(whole.x[: len(train)], train.x)
    assert not torch.equal(train.x[:200], valid.x)
    assert all(len(v) == len(whole) for v in whole.factors.values())


def test_without_a_network_there_is_a_stand_in_and_a_message(blocked, capsys):
    images = load("mnist", "test")
    assert images.stand_in and isinstance(images, Images)
    said = capsys.readouterr().out
    assert "No download into" in said and "network is unreachable" in said
    assert "mnist (no file and no network): 250 stand-ins" in said
    assert load("binarized-mnist", "test").stand_in


def test_offline_nothing_is_tried(monkeypatch, capsys):
    monkeypatch.setattr(loading, "_download_idx", lambda *a: pytest.fail("a download was tried"))
    assert load("mnist").stand_in
    assert "No download" not in capsys.readouterr().out


def test_a_download_goes_through_torchvision_into_the_cache_and_is_used_from_then_on(tmp_path, monkeypatch, mirror):
    from torchvision import datasets

    fake_mnist(mirror[0] / "raw", monkeypatch)
    monkeypatch.delenv("NBDGM_OFFLINE")
    monkeypatch.setattr(datasets.MNIST, "mirrors", [mirror[1] + "gone/", mirror[1] + "raw/"])
    assert load("mnist", "test").real
    assert (tmp_path / "cache/MNIST/raw/t10k-labels-idx1-ubyte.gz").is_file()
    monkeypatch.setenv("NBDGM_OFFLINE", "1")
    assert load("mnist", "valid").real


def test_a_download_with_a_wrong_checksum_is_not_used(tmp_path, monkeypatch, mirror, capsys):
    from torchvision import datasets

    fake_mnist(mirror[0] / "raw", monkeypatch)
    (mirror[0] / "raw/t10k-labels-idx1-ubyte.gz").write_bytes(b"<html>not found</html>")
    monkeypatch.delenv("NBDGM_OFFLINE")
    monkeypatch.setattr(datasets.MNIST, "mirrors", [mirror[1] + "raw/"])
    assert load("mnist", "test").stand_in
    assert "No download" in capsys.readouterr().out
    assert len(list((tmp_path / "cache/MNIST/raw").iterdir())) == 3  # the three good files, nothing half done


class Broken(http.server.BaseHTTPRequestHandler):
    """A mirror that breaks off in the middle of its reply, says what is no HTTP, sends elsewhere, or says nothing at all."""

    how = "cut"

    def do_GET(self):
        if self.how == "cut":  # chunks without an end
            self.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n100\r\nbegun")
        elif self.how == "short":  # fewer bytes than announced
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegun")
        elif self.how == "no HTTP":
            self.wfile.write(b"please log in\r\n")
        elif self.how == "nowhere":
            self.wfile.write(b"HTTP/1.1 302 Found\r\nLocation: http://[::1/\r\n\r\n")
        else:
            self.server.patience.wait(20)

    def log_message(self, *args):
        pass


@pytest.fixture(params=["cut", "short", "no HTTP", "nowhere", "silent"])
def broken(request, monkeypatch):
    """The address of such a mirror."""
    monkeypatch.setattr(loading, "PATIENCE", 0.5)
    monkeypatch.delenv("NBDGM_OFFLINE")
    handler = type("Handler", (Broken,), {"how": request.param})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.patience = threading.Event()
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.patience.set()
        server.shutdown()


def test_after_a_broken_mirror_the_next_one_is_asked(tmp_path, monkeypatch, mirror, broken):
    from torchvision import datasets

    sums = fake_mnist(mirror[0] / "raw", monkeypatch)
    monkeypatch.setattr(datasets.MNIST, "mirrors", [broken, mirror[1] + "raw/"])
    assert load("mnist", "test").real
    assert {p.name for p in (tmp_path / "cache/MNIST/raw").iterdir()} == set(sums)
    assert socket.getdefaulttimeout() is None


def test_after_broken_mirrors_only_a_stand_in_comes_a_line_that_says_so_and_no_remains(tmp_path, monkeypatch, broken, capsys):
    from torchvision import datasets

    monkeypatch.setattr(datasets.MNIST, "mirrors", [broken, broken])
    monkeypatch.setattr(loading, "BINARIZED_URL", broken + "{}")
    for name, folder, file in (
        ("mnist", "MNIST/raw", "train-images-idx3-ubyte.gz"),
        ("binarized-mnist", "binarized_mnist", "binarized_mnist.npz"),
    ):
        assert load(name, "test").stand_in
        said = capsys.readouterr().out
        assert f"No download into {tmp_path}/cache/{folder}: " in said
        assert f"There is no {tmp_path}/cache/{folder}/{file}." in said
        assert list((tmp_path / "cache" / folder).iterdir()) == []
    assert socket.getdefaulttimeout() is None


def test_a_binarized_text_of_another_length_is_not_used(tmp_path, monkeypatch, capsys):
    fake_binarized(monkeypatch, tmp_path / "mirror")
    n, *sums = loading.BINARIZED["valid"]
    monkeypatch.setitem(loading.BINARIZED, "valid", (n + 1, *sums))
    monkeypatch.delenv("NBDGM_OFFLINE")
    assert load("binarized-mnist").stand_in
    assert "No download" in capsys.readouterr().out and list((tmp_path / "cache/binarized_mnist").iterdir()) == []


def test_a_download_counts_even_if_its_folder_cannot_be_removed(tmp_path, monkeypatch, mirror):
    from torchvision import datasets

    fake_mnist(mirror[0] / "raw", monkeypatch)
    monkeypatch.delenv("NBDGM_OFFLINE")
    monkeypatch.setattr(datasets.MNIST, "mirrors", [mirror[1] + "raw/"])

    def refuse(*args, **kwargs):
        raise PermissionError(13, "it is in use")

    monkeypatch.setattr(os, "rmdir", refuse)
    assert load("mnist", "test").real


def test_an_interrupted_download_leaves_nothing(tmp_path, monkeypatch, mirror):
    from torchvision import datasets
    from torchvision.datasets import utils

    def interrupted(url, folder, file, md5):
        (Path(folder) / file).write_bytes(b"begun")
        raise KeyboardInterrupt

    monkeypatch.setattr(utils, "download_url", interrupted)
    monkeypatch.setattr(datasets.MNIST, "mirrors", [mirror[1]])
    monkeypatch.delenv("NBDGM_OFFLINE")
    with pytest.raises(KeyboardInterrupt):
        load("mnist")
    assert list((tmp_path / "cache/MNIST/raw").iterdir()) == []


def test_what_was_looked_for_is_said(tmp_path, monkeypatch, capsys):
    """Unpacked files, or a folder too deep: the reader sees which file is meant."""
    raw = tmp_path / "data/MNIST/raw"
    raw.mkdir(parents=True)
    (raw / "train-images-idx3-ubyte").write_bytes(b"unpacked")
    monkeypatch.setenv("NBDGM_DATA", str(tmp_path / "data"))
    assert load("mnist", "test").stand_in
    file = "MNIST/raw/train-images-idx3-ubyte.gz"
    assert f"There is no {tmp_path}/data/{file} and no {tmp_path}/cache/{file}." in capsys.readouterr().out
    monkeypatch.setenv("NBDGM_DATA", str(tmp_path / "data/MNIST"))
    assert load("anime-faces", "test").stand_in
    assert f"There is no {tmp_path}/data/MNIST/anime_faces/anime_faces_64.zip and" in capsys.readouterr().out


@pytest.fixture
def homeless(monkeypatch):
    """A user without a home: no HOME, and no entry in the list of users."""
    import pwd

    def unknown(uid):
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    for variable in ("HOME", "NBDGM_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    assert os.path.expanduser("~/x") == "~/x"


@pytest.mark.parametrize("version", ["new", "old"])
def test_without_a_home_data_load_and_the_cache_is_a_temporary_folder(version, homeless, tmp_path, monkeypatch):
    import platformdirs

    if version == "old":  # it returned what it could not expand
        monkeypatch.setattr(platformdirs, "user_cache_dir", lambda name: f"~/.cache/{name}")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    assert loading.cache_folder() == tmp_path / f"temporary/nbdgm-{os.getuid()}"
    fake_mnist(tmp_path / "data/MNIST/raw", monkeypatch)
    monkeypatch.setenv("NBDGM_DATA", str(tmp_path / "data"))
    assert load("mnist", "test").real
    monkeypatch.setenv("NBDGM_CACHE", "~/nb")
    assert load("mnist", "test").real  # the cache is not asked for
    with pytest.raises(ValueError, match="NBDGM_CACHE=~/nb: this user has no known home folder; write the path without ~"):
        loading.cache_folder()


def test_a_tilde_in_a_variable_is_the_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NBDGM_CACHE", "~/kept")
    assert loading.cache_folder() == tmp_path / "kept"
    fake_mnist(tmp_path / "data/MNIST/raw", monkeypatch)
    monkeypatch.setenv("NBDGM_DATA", "~/data")
    assert load("mnist", "test").real
    monkeypatch.delenv("NBDGM_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert loading.cache_folder().is_relative_to(tmp_path)


@pytest.mark.parametrize("cache", ["/dev/null/nbdgm", "/proc/nbdgm"])
def test_where_no_cache_can_be_made_a_stand_in_comes(cache, monkeypatch, capsys):
    monkeypatch.setenv("NBDGM_CACHE", cache)
    monkeypatch.delenv("NBDGM_OFFLINE")
    assert load("mnist", "test").stand_in
    assert f"No download into {cache}/MNIST/raw: " in capsys.readouterr().out


def test_in_a_cache_that_is_read_only_what_is_there_is_used(tmp_path, monkeypatch, capsys):
    (tmp_path / "cache/binarized_mnist").mkdir(parents=True)
    fake_mnist(tmp_path / "cache/MNIST/raw", monkeypatch)
    monkeypatch.delenv("NBDGM_OFFLINE")

    def refuse(*args, **kwargs):
        raise OSError(30, "Read-only file system")

    for name in ("mkdir", "replace", "unlink", "rmdir"):
        monkeypatch.setattr(os, name, refuse)
    assert load("mnist", "test").real
    assert load("binarized-mnist", "test").stand_in
    assert "No download into" in (said := capsys.readouterr().out) and "Read-only file system" in said


@pytest.mark.parametrize(
    ("spoil", "what"),
    [
        (lambda b: b[: len(b) // 2], "md5 checksum is wrong"),
        (lambda b: b"", "md5 checksum is wrong"),
        (lambda b: b[:100] + bytes([b[100] ^ 1]) + b[101:], "md5 checksum is wrong"),
    ],
    ids=["truncated", "empty", "one bit"],
)
def test_a_damaged_file_is_named_with_its_remedy(spoil, what, tmp_path, monkeypatch):
    folder = tmp_path / "data/MNIST/raw"
    fake_mnist(folder, monkeypatch)
    monkeypatch.setenv("NBDGM_DATA", str(tmp_path / "data"))
    file = folder / "t10k-images-idx3-ubyte.gz"
    file.write_bytes(spoil(file.read_bytes()))
    with pytest.raises(DataError, match=f"{file} is damaged.*{what}.*Delete it, then load again"):
        load("mnist", "test")
    assert load("mnist", "valid").real  # the other files are good


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (idx(np.zeros((3, 28, 28), np.uint8))[:-12], "cannot be unpacked"),
        (b"not a gzip file", "cannot be unpacked"),
        (gzip.compress(b"\0\0\x0d\x03" + bytes(40)), "magic number"),
        (gzip.compress(b"\0\0"), "magic number"),
        (gzip.compress(b"\0\0\x08\x03" + bytes(11)), "magic number"),
        (gzip.compress(struct.pack(">I3I", 0x803, 3, 28, 28) + bytes(100)), "its header promises"),
        (gzip.compress(struct.pack(">I3I", 0x803, 3, 28, 28) + bytes(3 * 784 + 1)), "its header promises"),
        (idx(np.zeros((4, 28, 28), np.uint8)), r"shape \(4, 28, 28\) where \(3, 28, 28\) is expected"),
    ],
    ids=[
        "cut",
        "text",
        "other numbers",
        "no header",
        "half a header",
        "too short",
        "too long",
        "other shape",
    ],  # gzip writes the time into its bytes
)
def test_idx_files_are_checked_part_by_part(content, what, tmp_path):
    file = tmp_path / "images.gz"
    file.write_bytes(content)
    with pytest.raises(DataError, match=what):
        loading.read_idx(file, shape=(3, 28, 28))


def test_idx_files_are_read(tmp_path):
    array = np.random.default_rng(0).integers(0, 256, (3, 4, 5)).astype(np.uint8)
    (tmp_path / "a.gz").write_bytes(idx(array))
    assert np.array_equal(loading.read_idx(tmp_path / "a.gz"), array)


def fake_binarized(monkeypatch, folder: Path) -> dict[str, np.ndarray]:
    """The published text files, in small, and their checksums made the expected ones."""
    folder.mkdir(parents=True)
    table, pixels = {}, {}
    for i, (part, n) in enumerate((("train", 20), ("valid", 6), ("test", 8))):
        pixels[part] = np.random.default_rng(i).integers(0, 2, (n, 784)).astype(np.uint8)
        text = "".join(" ".join(map(str, row)) + " \n" for row in pixels[part]).encode()
        (folder / f"binarized_mnist_{part}.amat").write_bytes(text)
        packed = np.packbits(pixels[part], axis=1)
        table[part] = (n, hashlib.sha256(text).hexdigest(), hashlib.sha256(packed).hexdigest())
    monkeypatch.setattr(loading, "BINARIZED", table)
    monkeypatch.setattr(loading, "BINARIZED_URL", f"file://{folder}/binarized_mnist_{{}}.amat")
    return pixels


def test_binarized_mnist_is_downloaded_packed_and_its_test_images_shuffled(tmp_path, monkeypatch):
    pixels = fake_binarized(monkeypatch, tmp_path / "mirror")
    monkeypatch.delenv("NBDGM_OFFLINE")
    train, test = load("binarized-mnist"), load("binarized-mnist", "test")
    assert [p.name for p in (tmp_path / "cache/binarized_mnist").iterdir()] == ["binarized_mnist.npz"]
    assert train.real and train.y is None
    assert torch.equal(train.x.flatten(1).byte(), torch.from_numpy(pixels["train"]))
    rows = [tuple(r) for r in test.x.flatten(1).byte().tolist()]
    original = [tuple(r) for r in pixels["test"].tolist()]
    assert sorted(rows) == sorted(original) and rows != original
    assert torch.equal(test.x, load("binarized-mnist", "test").x)
    assert len(load("binarized-mnist", "train+valid")) == 26


def test_a_binarized_text_with_a_wrong_checksum_is_not_used(tmp_path, monkeypatch, capsys):
    fake_binarized(monkeypatch, tmp_path / "mirror")
    text = tmp_path / "mirror/binarized_mnist_valid.amat"
    text.write_bytes(text.read_bytes().replace(b"1", b"0", 1))
    monkeypatch.delenv("NBDGM_OFFLINE")
    assert load("binarized-mnist").stand_in
    assert "No download" in capsys.readouterr().out
    assert not (tmp_path / "cache/binarized_mnist/binarized_mnist.npz").exists()


def test_a_damaged_binarized_file_is_named(tmp_path, monkeypatch):
    fake_binarized(monkeypatch, tmp_path / "mirror")
    file = tmp_path / "data/binarized_mnist/binarized_mnist.npz"
    file.parent.mkdir(parents=True)
    monkeypatch.setenv("NBDGM_DATA", str(tmp_path / "data"))
    content = io.BytesIO()
    np.savez(content, train=np.zeros((20, 98), np.uint8), valid=np.zeros((6, 97), np.uint8))
    for data, part, what in (
        (content.getvalue(), "train", "checksum"),
        (content.getvalue(), "valid", "checksum"),
        (content.getvalue(), "test", "cannot be read"),
        (content.getvalue()[:300], "train", "cannot be read"),
        (b"", "train", "cannot be read"),
    ):
        file.write_bytes(data)
        with pytest.raises(DataError, match=f"{file} is damaged.*{what}.*Delete it"):
            load("binarized-mnist", part)


def test_a_data_file_cannot_run_code(tmp_path, monkeypatch):
    fake_binarized(monkeypatch, tmp_path / "mirror")
    monkeypatch.setenv("NBDGM_DATA", str(tmp_path / "data"))
    file = tmp_path / "data/binarized_mnist/binarized_mnist.npz"
    file.parent.mkdir(parents=True)

    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "sprung",))

    np.savez(file, train=np.array([Trap()], dtype=object))
    with pytest.raises(DataError, match="cannot be read"):
        load("binarized-mnist")
    assert not (tmp_path / "sprung").exists()


def fake_anime(folder: Path, monkeypatch, n: int = 12) -> None:
    """A zip of `n` pictures, each of one grey, whose hair tag follows from the grey; its sha256 is made the expected one."""
    from PIL import Image

    folder.mkdir(parents=True)
    hair, eyes = loading.ANIME_TAGS.values()
    lines = ["file,hair,eyes,source_id"]
    with zipfile.ZipFile(folder / "anime_faces_64.zip", "w") as archive:
        for i in range(n):
            picture = io.BytesIO()
            Image.new("RGB", (64, 64), (20 * i, 20 * i, 20 * i)).save(picture, "JPEG", quality=95)
            archive.writestr(f"images/{i}.jpg", picture.getvalue())
            lines.append(f"images/{i}.jpg,{hair[i % 12]},{eyes[i % 10]},{i}")
        archive.writestr("tags.csv", "\n".join(lines))
    content = (folder / "anime_faces_64.zip").read_bytes()
    monkeypatch.setattr(loading, "ANIME_SHA256", hashlib.sha256(content).hexdigest())
    monkeypatch.setattr(loading, "ANIME_HELD_OUT", 3)


@pytest.mark.parametrize("name,size", [("anime-faces", 64), ("anime-faces-32", 32)])
def test_anime_faces_are_shuffled_split_and_keep_their_tags(name, size, tmp_path, monkeypatch):
    fake_anime(tmp_path / "data/anime_faces", monkeypatch)
    monkeypatch.setenv("NBDGM_DATA", str(tmp_path / "data"))
    parts = {split: load(name, split) for split in ("train", "valid", "train+valid", "test")}
    assert [len(images) for images in parts.values()] == [6, 3, 9, 3]
    for images in parts.values():
        assert images.real and images.x.shape[1:] == (3, size, size)
        grey = (images.x.mean((1, 2, 3)) * 255 / 20).round().long()
        assert torch.equal(images.factors["hair_colour"], grey % 12) and torch.equal(images.factors["eye_colour"], grey % 10)
        assert torch.equal(images.y, images.factors["hair_colour"])
    assert sorted(torch.cat([parts["train+valid"].y, parts["test"].y]).tolist()) == list(range(12))
    assert parts["train"].y.tolist() != sorted(parts["train"].y.tolist())


def test_a_damaged_file_of_anime_faces_is_named(tmp_path, monkeypatch):
    fake_anime(tmp_path / "data/anime_faces", monkeypatch)
    monkeypatch.setattr(loading, "ANIME_SHA256", "0" * 64)
    monkeypatch.setenv("NBDGM_DATA", str(tmp_path / "data"))
    with pytest.raises(DataError, match=r"anime_faces_64\.zip is damaged: its sha256"):
        load("anime-faces")


@pytest.mark.parametrize("name,size", [("anime-faces", 64), ("anime-faces-32", 32)])
def test_without_the_file_drawn_faces_stand_in_for_anime_faces(name, size, blocked, monkeypatch, capsys):
    monkeypatch.setattr(loading, "faces", lambda n, *rest, **more: loading_faces(min(n, 40), *rest, **more))
    train, test = load(name), load(name, "test")
    assert train.stand_in and train.x.shape[1:] == (3, size, size) and set(train.factors) == set(loading.ANIME_TAGS)
    assert not torch.equal(train.x, test.x)
    assert capsys.readouterr().out.count("no file and no network): 40 stand-ins, drawn faces.") == 2


@pytest.mark.parametrize("name", ["faces", "glyphs"])
@pytest.mark.parametrize(("budget", "sizes"), [("smoke", [1000, 200, 200]), ("cpu", [20_000, 2_000, 2_000])])
def test_how_many_pictures_are_drawn(name, budget, sizes, monkeypatch):
    asked = []
    monkeypatch.setattr(loading, name, lambda n, seed: asked.append((n, seed)) or loading_faces(2))
    monkeypatch.setenv("NBDGM_BUDGET", budget)
    assert [len(load(name, split)) for split in ("train", "valid", "test")] == [2] * 3
    assert asked == list(zip(sizes, (1, 2, 3), strict=True))


def test_a_mirror_may_be_silent_for_half_a_minute(tmp_path):
    with loading._unfinished(tmp_path):
        assert socket.getdefaulttimeout() == 30
    assert socket.getdefaulttimeout() is None


def test_unknown_names_and_splits_are_answered_with_the_known_ones():
    with pytest.raises(ValueError, match="unknown data set 'mnits'; known are mnist, fashion-mnist, usps, binarized-mnist"):
        load("mnits")
    with pytest.raises(ValueError, match=r"split: expected one of train, valid, train\+valid, test"):
        load("digits", "validation")
    assert load is load_function and "glyphs" in DATASETS


def test_a_data_folder_that_is_not_there_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("NBDGM_DATA", str(tmp_path / "dta"))
    with pytest.raises(ValueError, match=f"NBDGM_DATA={tmp_path}/dta is no folder"):
        load("mnist")
    monkeypatch.setenv("NBDGM_BUDGET", "smoke")
    assert load("mnist").stand_in  # no file is needed


@with_files
def test_the_real_files(monkeypatch):
    monkeypatch.setenv("NBDGM_DATA", str(SHARED))
    monkeypatch.setenv("NBDGM_BUDGET", "cpu")
    test = load("mnist", "test")
    assert test.real and test.y[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert test.x.mean().item() == pytest.approx(0.13251, abs=1e-5)
    assert load("fashion-mnist", "test").x.mean().item() == pytest.approx(0.28685, abs=1e-5)
    usps = load("usps", "test")
    assert len(usps) == 2_007 and usps.y[:5].tolist() == [9, 6, 3, 6, 6]
    binarized = load("binarized-mnist", "test")
    assert len(binarized) == 10_000 and binarized.x.mean().item() == pytest.approx(test.x.mean().item(), abs=1e-3)


def test_usps_is_read_from_its_text_files(tmp_path, monkeypatch):
    folder = tmp_path / "usps"
    folder.mkdir()
    monkeypatch.setattr(loading, "USPS", {"usps.bz2": 30, "usps.t.bz2": 12})
    monkeypatch.setattr(loading, "USPS_VALID", 10)
    for file, count in loading.USPS.items():
        grey = " ".join(f"{k}:0.5" for k in range(4, 257))
        rows = [f"{n % 10 + 1} 1:-1 2:{n / 100} 3:1 {grey}" for n in range(count)]
        (folder / file).write_bytes(bz2.compress("\n".join(rows).encode()))
    monkeypatch.setenv("NBDGM_DATA", str(tmp_path))
    parts = {split: load("usps", split) for split in ("train", "valid", "train+valid", "test")}
    assert [len(images) for images in parts.values()] == [20, 10, 30, 12]
    assert torch.equal(parts["train+valid"].x, torch.cat([parts["train"].x, parts["valid"].x]))
    images = parts["valid"]
    assert images.real and images.x.shape[1:] == (1, 16, 16) and images.y.tolist() == list(range(10))
    torch.testing.assert_close(images.x[3, 0, 0, :4], torch.tensor([0, (1 + 0.23) / 2, 1, 0.75]))
    (folder / "usps.bz2").write_bytes(bz2.compress(rows[0].encode()))
    with pytest.raises(DataError, match=r"usps\.bz2 is damaged: it does not hold 30 digits"):
        load("usps")
    (folder / "usps.bz2").write_bytes(bz2.compress(b"1 1:-1"))
    with pytest.raises(DataError, match="it cannot be read"):
        load("usps")
    (folder / "usps.bz2").write_bytes(b"no bz2")
    with pytest.raises(DataError, match="it cannot be read"):
        load("usps")


def test_a_stand_in_of_usps_has_no_frame(monkeypatch, capsys):
    monkeypatch.setenv("NBDGM_BUDGET", "smoke")
    images = load("usps", "test")
    assert images.stand_in and images.x.shape == (250, 1, 16, 16) and images.x.amax(0)[0].min() > 0
    assert "usps (at the smoke budget): 250 stand-ins" in capsys.readouterr().out


def test_usps_comes_from_the_addresses_that_torchvision_knows(monkeypatch, tmp_path):
    asked = []

    def download(url, folder, file, md5):
        asked.append(md5)
        (Path(folder) / file).write_bytes(b"")

    monkeypatch.setattr("torchvision.datasets.utils.download_url", download)
    loading._download_usps(tmp_path)
    assert len(set(asked)) == 2 and {file.name for file in tmp_path.iterdir()} == set(loading.USPS)


def test_the_parts_of_the_digits_and_their_frame():
    parts = {split: load("digits", split) for split in ("train", "valid", "train+valid", "test")}
    assert [len(images) for images in parts.values()] == [1297, 250, 1547, 250]
    assert torch.equal(parts["train+valid"].x, torch.cat([parts["train"].x, parts["valid"].x]))
    x = parts["test"].x
    assert x.shape[1:] == (1, 28, 28) and x.min() == 0 and x.max() == 1 and parts["test"].y.dtype == torch.long
    frame = torch.ones(28, 28, dtype=torch.bool)
    frame[4:24, 4:24] = False
    assert (x[:, 0, frame] == 0).all() and (x.amax(0)[0][~frame].view(20, 20) > 0).float().mean() > 0.9
    small = torch.nn.functional.avg_pool2d(x[:, :, 4:24, 4:24], 5)
    assert 0.2 < small.mean() < 0.4 and x.sum((1, 2, 3)).std() > 5


@pytest.mark.parametrize(
    ("split", "budget", "n", "seed"),
    [("train", "smoke", 1000, 1), ("valid", "smoke", 200, 2), ("train+valid", "smoke", 1200, 1), ("test", "smoke", 200, 3),
     ("train", "cpu", 5000, 1), ("valid", "cpu", 1000, 2), ("train+valid", "cpu", 6000, 1), ("test", "cpu", 1000, 3)],
)  # fmt: skip
@pytest.mark.parametrize(("name", "size"), [("anime-faces", 64), ("anime-faces-32", 32)])
def test_how_many_faces_stand_in(name, size, split, budget, n, seed, monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(loading, "faces", lambda n, size, seed: asked.append((n, size, seed)) or loading_faces(2, 8))
    monkeypatch.setenv("NBDGM_BUDGET", budget)
    images = load(name, split)
    assert (
        asked == [(n, size, seed)]
        and images.stand_in
        and images.name == name
        and set(images.factors) == set(loading.ANIME_TAGS)
    )
    assert "2 stand-ins, drawn faces." in capsys.readouterr().out


@pytest.mark.parametrize(("offline", "tried"), [("", True), ("0", True), ("1", False), ("yes", False)])
def test_when_a_download_is_tried(offline, tried, monkeypatch, capsys):
    monkeypatch.setenv("NBDGM_OFFLINE", offline)
    monkeypatch.setattr(loading, "_download_idx", lambda name, target: (_ for _ in ()).throw(OSError("no")))
    assert load("mnist", "test").stand_in
    assert ("No download into" in capsys.readouterr().out) is tried


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_each_set_comes_from_mirrors_of_its_own(name, monkeypatch, tmp_path):
    asked = []

    def download(url, folder, file, md5):
        asked.append(url)
        (Path(folder) / file).write_bytes(b"")

    monkeypatch.setattr("torchvision.datasets.utils.download_url", download)
    loading._download_idx(name, tmp_path)
    assert len(asked) == 4 and {"fashion" in url for url in asked} == {name == "fashion-mnist"}
    assert sorted(url.rpartition("/")[2] for url in asked) == sorted(file.name for file in tmp_path.iterdir())


def test_stand_ins_of_fashion_are_glyphs_and_a_binarized_one_is_drawn_once(monkeypatch, capsys):
    monkeypatch.setenv("NBDGM_BUDGET", "smoke")
    fashion, binary = load("fashion-mnist", "test"), load("binarized-mnist", "test")
    assert fashion.name == "fashion-mnist" and not fashion.factors and torch.equal(fashion.x, load("glyphs", "test").x)
    noise = torch.rand(binary.x.shape, generator=torch.Generator().manual_seed(0))
    assert torch.equal(binary.x, (noise < load("digits", "test").x).float()) and binary.name == "binarized-mnist"
    said = capsys.readouterr().out
    assert "fashion-mnist (at the smoke budget): 200 stand-ins, drawn glyphs." in said
    assert "250 stand-ins, scikit-learn's digits, binarized once." in said
