"""Images by name: from $NBDGM_DATA, from the user's cache, from the network, or a stand-in that says that it is one."""

import bz2
import contextlib
import csv
import gzip
import hashlib
import http.client
import io
import os
import shutil
import socket
import struct
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .images import Images
from .rendered import faces, glyphs


class DataError(RuntimeError):
    """A data file is damaged. The message names the file and the remedy."""


SPLITS = ("train", "valid", "train+valid", "test")

# name -> (folder, md5 of its files)
IDX_SETS = {
    "mnist": (
        "MNIST",
        {
            "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
            "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
            "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
            "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
        },
    ),
    "fashion-mnist": (
        "FashionMNIST",
        {
            "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
            "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
            "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
        },
    ),
}


def load(name: str, split: str = "train", device: torch.device | str | None = None) -> Images:
    """The images called `name`, on `device` (by default the device of this run).

    - `mnist`, `fashion-mnist`: grey, 1x28x28; train 50,000, valid 10,000 (the last of the training file), test 10,000.
    - `binarized-mnist`: 0 or 1, the fixed binarization of Larochelle and Murray; the same sizes, no labels.
    - `usps`: digits from envelopes, grey, 1x16x16, without a frame, smoothed as LIBSVM gives them; train 6,291, valid 1,000
      (the last of the training file), test 2,007.
    - `digits`: scikit-learn's 8x8 digits enlarged to 1x28x28; train 1,297, valid 250, test 250.
    - `faces` (colour, 3x32x32), `glyphs` (grey, 1x28x28): drawn, with known factors; train 20,000, valid 2,000, test 2,000
      (at the smoke budget 1,000, 200, 200).
    - `anime-faces` (colour, 3x64x64), `anime-faces-32` (3x32x32): faces from drawings by many hands, with noisy tags of hair
      and eye colour as factors; train 15,746, valid 1,000, test 1,000. They are only looked for in `$NBDGM_DATA` and in the
      cache, never downloaded, and must not be shown or passed on: show what a model makes of them.

    `split` may also be "train+valid". Files are looked for in `$NBDGM_DATA`, then in the user's cache (`$NBDGM_CACHE` moves
    it; in both `~` is the home folder), and are else downloaded into the cache and checked, unless `NBDGM_OFFLINE=1`. At the
    smoke budget and without a network a stand-in is returned: what is printed says which file was looked for, and `.stand_in`
    is True. The file of the binarized test images is sorted by class; here they are shuffled, always in the same way.

    Raises:
        ValueError: for an unknown name or split, or an `NBDGM_DATA` that is no folder.
        DataError: for a damaged file.
    """
    if name not in DATASETS:
        raise ValueError(f"name: unknown data set {name!r}; known are {', '.join(DATASETS)}")
    if split not in SPLITS:
        raise ValueError(f"split: expected one of {', '.join(SPLITS)}, got {split!r}")
    if device is None:
        from nbdgm.runtime import device as default_device

        device = default_device()
    return DATASETS[name](name, split).to(device)


def cache_folder() -> Path:
    """Where downloads and trained feature networks are kept: `$NBDGM_CACHE`, else the user's cache folder; for a user without
    a home (as in containers), a folder among the temporary ones.

    Raises:
        ValueError: `NBDGM_CACHE` begins with a `~` that stands for no known folder.
    """
    import platformdirs

    if os.environ.get("NBDGM_CACHE"):
        return _folder("NBDGM_CACHE")
    try:
        folder = Path(platformdirs.user_cache_dir("nbdgm"))
    except RuntimeError:  # what platformdirs says where there is no home; older versions return "~/..."
        folder = Path("~")
    if folder.is_absolute():
        return folder
    return Path(tempfile.gettempdir()) / f"nbdgm-{os.getuid() if hasattr(os, 'getuid') else 'cache'}"


def _folder(variable: str) -> Path:
    """The folder that an environment variable names, with `~` expanded."""
    folder = os.path.expanduser(os.environ[variable])
    if folder.startswith("~"):
        raise ValueError(f"{variable}={folder}: this user has no known home folder; write the path without ~")
    return Path(folder)


def _smoke() -> bool:
    from nbdgm.runtime import budget_name

    return budget_name() == "smoke"


# --- files in the idx format ----------------------------------------------------------------------------------------


def _load_idx(name: str, split: str) -> Images:
    files = IDX_SETS[name][1]
    folder = None if _smoke() else _find(IDX_SETS[name][0] + "/raw", list(files), lambda target: _download_idx(name, target))
    if folder is None:
        return _stand_in(name, split)
    kind = "t10k" if split == "test" else "train"
    n = 10_000 if split == "test" else 60_000
    images, labels = f"{kind}-images-idx3-ubyte.gz", f"{kind}-labels-idx1-ubyte.gz"
    x = read_idx(folder / images, files[images], (n, 28, 28))
    y = read_idx(folder / labels, files[labels], (n,))
    part = {"train": slice(0, 50_000), "valid": slice(50_000, None)}.get(split, slice(None))
    return Images(_to_float(x[part])[:, None], torch.from_numpy(y[part].astype(np.int64)), name)


def read_idx(path: Path, md5: str | None = None, shape: tuple[int, ...] | None = None) -> np.ndarray:
    """The array of unsigned bytes in a gzipped idx file (the format of MNIST).

    Raises:
        DataError: if the file's md5, its gzip stream, its magic number or its sizes are not what they should be.
    """
    path = Path(path)
    compressed = path.read_bytes()
    if md5 is not None and hashlib.md5(compressed).hexdigest() != md5:
        raise _damaged(path, "its md5 checksum is wrong")
    try:
        content = gzip.decompress(compressed)
    except (OSError, EOFError, ValueError) as error:
        raise _damaged(path, f"it cannot be unpacked ({error})") from error
    if len(content) < 4 or content[:3] != b"\0\0\x08" or len(content) < 4 + 4 * content[3]:
        raise _damaged(path, "its magic number is not that of an idx file of bytes")
    sizes = struct.unpack(f">{content[3]}I", content[4 : 4 + 4 * content[3]])
    data = np.frombuffer(content, np.uint8, offset=4 + 4 * content[3])
    if data.size != np.prod(sizes, dtype=np.int64):
        raise _damaged(path, f"its header promises {sizes} bytes, but {data.size:,} follow")
    if shape is not None and sizes != shape:
        raise _damaged(path, f"it holds an array of shape {sizes} where {shape} is expected")
    return data.reshape(sizes)


def _damaged(path: Path, what: str) -> DataError:
    return DataError(
        f"{path} is damaged: {what}. Delete it, then load again: it is downloaded anew, or copy a good one in its place."
    )


def _to_float(x: np.ndarray) -> Tensor:
    return torch.from_numpy(x.astype(np.float32)).div_(255)


def _roots() -> Iterator[Path]:
    if os.environ.get("NBDGM_DATA"):
        data = _folder("NBDGM_DATA")
        if not os.path.isdir(data):
            raise ValueError(f"NBDGM_DATA={data} is no folder; set it to the one that holds MNIST/raw, or unset it")
        yield data
    yield cache_folder()  # asked for only when it is needed


def _find(folder: str, files: list[str], download: Callable[[Path], None] | None) -> Path | None:
    """The folder that has all the files; if none has, downloads them; None, and a line that says which files were missed, if
    that is not possible (or not provided for).
    """
    missing = []
    for root in _roots():
        absent = [root / folder / file for file in files if not os.path.isfile(root / folder / file)]
        if not absent:
            return root / folder
        missing.append(str(absent[0]))
    if download is not None and os.environ.get("NBDGM_OFFLINE", "") in ("", "0"):
        target = cache_folder() / folder
        try:
            target.mkdir(parents=True, exist_ok=True)
            download(target)
        except _DROPPED as error:
            print(f"No download into {target}: {error or type(error).__name__}")
        else:
            return target
    print(f"There is no {' and no '.join(missing)}.")
    return None


# What a network, a proxy in it, a mirror or a full disk can do: URLError, timeouts and ENOSPC are OSErrors, a wrong checksum a
# RuntimeError, a reply that breaks off or is no HTTP an HTTPException.
_DROPPED = (OSError, RuntimeError, EOFError, ValueError, http.client.HTTPException)
PATIENCE = 30.0  # seconds that a mirror may be silent


@contextlib.contextmanager
def _unfinished(target: Path) -> Iterator[Path]:
    """A folder inside `target` for what is being downloaded. Nothing of it stays, and no mirror is waited for without end."""
    before = socket.getdefaulttimeout()
    folder = Path(tempfile.mkdtemp(prefix="unfinished-", dir=target))
    socket.setdefaulttimeout(PATIENCE)
    try:
        yield folder
    finally:
        socket.setdefaulttimeout(before)
        shutil.rmtree(folder, ignore_errors=True)


def _download_idx(name: str, target: Path) -> None:
    from torchvision import datasets
    from torchvision.datasets.utils import download_url

    source = {"mnist": datasets.MNIST, "fashion-mnist": datasets.FashionMNIST}[name]
    for file, md5 in IDX_SETS[name][1].items():
        for mirror in source.mirrors:
            try:
                with _unfinished(target) as folder:
                    download_url(mirror + file, folder, file, md5)  # checks the md5
                    os.replace(folder / file, target / file)
                break
            except _DROPPED:
                if mirror == source.mirrors[-1]:
                    raise


# --- USPS, in LIBSVM's text format ------------------------------------------------------------------------------------

USPS = {"usps.bz2": 7_291, "usps.t.bz2": 2_007}  # file -> digits; sources smooth the training file alike, but not bit by bit
USPS_VALID = 1_000


def _load_usps(name: str, split: str) -> Images:
    folder = None if _smoke() else _find("usps", list(USPS), _download_usps)
    if folder is None:
        return _stand_in(name, split)
    x, y = _read_usps(folder / ("usps.t.bz2" if split == "test" else "usps.bz2"))
    part = {"train": slice(0, -USPS_VALID), "valid": slice(-USPS_VALID, None)}.get(split, slice(None))
    return Images(x[part], y[part], name)


def _read_usps(path: Path) -> tuple[Tensor, Tensor]:
    """Pictures (N, 1, 16, 16) in [0, 1] and classes from lines "label 1:value ... 256:value", labels from 1 to 10."""
    try:
        text = bz2.decompress(path.read_bytes()).replace(b":", b" ")
        rows = np.array(text.split(), np.float32).reshape(-1, 1 + 2 * 256)
    except (OSError, EOFError, ValueError) as error:
        raise _damaged(path, f"it cannot be read ({error})") from error
    x, y = rows[:, 2::2], rows[:, 0].astype(np.int64) - 1
    if len(x) != USPS[path.name] or np.abs(x).max() > 1 or not np.isin(y, range(10)).all():
        raise _damaged(path, f"it does not hold {USPS[path.name]:,} digits with values in [-1, 1]")
    return torch.from_numpy((x + 1) / 2).view(-1, 1, 16, 16), torch.from_numpy(y)


def _download_usps(target: Path) -> None:
    from torchvision import datasets
    from torchvision.datasets.utils import download_url

    for url, file, md5 in datasets.USPS.split_list.values():
        with _unfinished(target) as folder:
            download_url(url, folder, file, md5)
            os.replace(folder / file, target / file)


# --- fixed binarized MNIST ------------------------------------------------------------------------------------------

BINARIZED_URL = "http://www.cs.toronto.edu/~larocheh/public/datasets/binarized_mnist/binarized_mnist_{}.amat"
# split -> (pictures, sha256 of the published text file, sha256 of the pixels packed to bits)
BINARIZED = {
    "train": (
        50_000,
        "ad693b29f94c14277b095f5238ddefbbdaaae0939789dd2f4f0205278cee3e4d",
        "727146c35424b019f3e350e1e69faa05644a0abaf787e3f4e1a9632220a13906",
    ),
    "valid": (
        10_000,
        "1de3d397c40fe8eeb33dafd4099a1f665ec01e96d9be234aaeeac8a34930e2e2",
        "a256ac44ae26be720fad8616a05ed6ecfd1619930d9a208379bb2a4405df5b6d",
    ),
    "test": (
        10_000,
        "e6687bfea3f820c174f33b7865140b2a2dd2930ef786f35d45795fc193b5ab2c",
        "9fcd8da6f0fdf09b2ba30fe63a0bb784042a0de82563172530229b983e294ff2",
    ),
}


def _load_binarized(name: str, split: str) -> Images:
    file = "binarized_mnist.npz"
    folder = None if _smoke() else _find("binarized_mnist", [file], _download_binarized)
    if folder is None:
        return _stand_in(name, split)
    parts = ["train", "valid"] if split == "train+valid" else [split]
    x = np.concatenate([_read_packed(folder / file, part) for part in parts])
    if split == "test":
        x = x[np.random.RandomState(0).permutation(len(x))]
    return Images(torch.from_numpy(x.astype(np.float32)).view(-1, 1, 28, 28), None, name)


def _read_packed(path: Path, part: str) -> np.ndarray:
    n, _, sha256 = BINARIZED[part]
    try:
        with np.load(path, allow_pickle=False) as archive:
            packed = archive[part]
    except Exception as error:  # zipfile, zlib, numpy and the operating system each have their own
        raise _damaged(path, f"its part {part!r} cannot be read ({error})") from error
    if packed.shape != (n, 98) or hashlib.sha256(np.ascontiguousarray(packed)).hexdigest() != sha256:
        raise _damaged(path, f"the checksum of its part {part!r} is wrong")
    return np.unpackbits(packed, axis=1)


def _download_binarized(target: Path) -> None:
    packed = {}
    with _unfinished(target) as folder:
        for part, (n, sha256, _) in BINARIZED.items():
            text = folder / f"{part}.amat"
            torch.hub.download_url_to_file(BINARIZED_URL.format(part), str(text), hash_prefix=sha256, progress=False)
            pixels = np.frombuffer(text.read_bytes().replace(b"\n", b"").replace(b" ", b""), np.uint8) - ord("0")
            packed[part] = np.packbits(pixels.reshape(n, 784), axis=1)
        np.savez_compressed(folder / "packed.npz", **packed)
        os.replace(folder / "packed.npz", target / "binarized_mnist.npz")


# --- tagged anime faces ---------------------------------------------------------------------------------------------

ANIME_SHA256 = "66b6dbb7fb30af08d695ba85e28fd9cad9f078c801e96fdf88b5658f40b29c54"
ANIME_HELD_OUT = 1000  # pictures in each of valid and test
ANIME_TAGS = {
    "hair_colour": ["aqua", "black", "blonde", "blue", "brown", "gray", "green", "orange", "pink", "purple", "red", "white"],
    "eye_colour": ["aqua", "black", "blue", "brown", "green", "orange", "pink", "purple", "red", "yellow"],
}


def _load_anime(name: str, split: str) -> Images:
    file = "anime_faces_64.zip"
    folder = None if _smoke() else _find("anime_faces", [file], None)
    if folder is None:
        return _stand_in(name, split)
    content = (folder / file).read_bytes()
    if hashlib.sha256(content).hexdigest() != ANIME_SHA256:
        raise _damaged(folder / file, "its sha256 checksum is wrong")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        rows = list(csv.DictReader(io.TextIOWrapper(archive.open("tags.csv"), "utf-8")))
        order = np.random.RandomState(0).permutation(len(rows))  # the file is sorted by tag
        valid, test, train = np.split(order, [ANIME_HELD_OUT, 2 * ANIME_HELD_OUT])
        part = {"train": train, "valid": valid, "test": test, "train+valid": np.concatenate([train, valid])}[split]
        size = 32 if name.endswith("32") else 64
        x = np.stack([_read_jpeg(archive.read(rows[i]["file"]), size) for i in part])
    factors = {
        factor: torch.tensor([tags.index(rows[i][column]) for i in part])
        for column, (factor, tags) in zip(("hair", "eyes"), ANIME_TAGS.items(), strict=True)
    }
    return Images(_to_float(x.transpose(0, 3, 1, 2)), factors["hair_colour"], name, factors=factors)


def _read_jpeg(content: bytes, size: int) -> np.ndarray:
    """(size, size, 3): halved, where that is asked for, while it is decoded."""
    from PIL import Image

    picture = Image.open(io.BytesIO(content))
    picture.draft("RGB", (size, size))
    return np.asarray(picture.convert("RGB"))


# --- what needs no file ---------------------------------------------------------------------------------------------


def _digits(split: str) -> tuple[Tensor, Tensor]:
    """scikit-learn's 8x8 digits, enlarged to the 20x20 box that MNIST's digits fill, in a frame of 28x28."""
    from sklearn.datasets import load_digits

    small, labels = load_digits(return_X_y=True)
    order = np.random.RandomState(0).permutation(len(small))
    part = {"train": slice(0, 1297), "valid": slice(1297, 1547), "train+valid": slice(0, 1547), "test": slice(1547, None)}[
        split
    ]
    order = order[part]
    x = torch.from_numpy((small[order] / 16).astype(np.float32)).view(-1, 1, 8, 8)
    x = torch.nn.functional.interpolate(x, (20, 20), mode="bicubic", align_corners=False).clamp(0, 1)
    return torch.nn.functional.pad(x, (4, 4, 4, 4)), torch.from_numpy(labels[order].astype(np.int64))


def _load_digits(name: str, split: str) -> Images:
    return Images(*_digits(split), name)


def _load_drawn(name: str, split: str) -> Images:
    sizes = {"train": 1000, "valid": 200, "test": 200} if _smoke() else {"train": 20_000, "valid": 2_000, "test": 2_000}
    draw = {"faces": faces, "glyphs": glyphs}[name]
    seeds = {"train": 1, "valid": 2, "test": 3}
    if split != "train+valid":
        return draw(sizes[split], seed=seeds[split])
    train, valid = (_load_drawn(name, part) for part in ("train", "valid"))
    return Images(
        torch.cat([train.x, valid.x]),
        None if train.y is None else torch.cat([train.y, valid.y]),
        name,
        factors={key: torch.cat([train.factors[key], valid.factors[key]]) for key in train.factors},
    )


def _stand_in(name: str, split: str) -> Images:
    """Pictures of the right shape, number of classes and kind for `name`, and a line that says so."""
    if name == "fashion-mnist":
        drawn = _load_drawn("glyphs", split)
        images, what = Images(drawn.x, drawn.y, name, stand_in=True), "drawn glyphs"
    elif name.startswith("anime-faces"):
        n = {"train": 1000, "valid": 200, "train+valid": 1200, "test": 200}[split] * (1 if _smoke() else 5)
        drawn = faces(n, 32 if name.endswith("32") else 64, seed={"train": 1, "valid": 2, "train+valid": 1, "test": 3}[split])
        factors = {factor: drawn.factors[factor] for factor in ANIME_TAGS}
        images, what = Images(drawn.x, drawn.y, name, stand_in=True, factors=factors), "drawn faces"
    else:
        x, y = _digits(split)
        what = "scikit-learn's digits"
        if name == "binarized-mnist":
            x = (torch.rand(x.shape, generator=torch.Generator().manual_seed(0)) < x).float()
            y, what = None, what + ", binarized once"
        if name == "usps":
            x = torch.nn.functional.interpolate(x[:, :, 4:-4, 4:-4], (16, 16), mode="area")
        images = Images(x, y, name, stand_in=True)
    reason = "at the smoke budget" if _smoke() else "no file and no network"
    print(f"{name} ({reason}): {len(images):,} stand-ins, {what}.")
    return images


DATASETS: dict[str, Callable[[str, str], Images]] = {
    "mnist": _load_idx,
    "fashion-mnist": _load_idx,
    "usps": _load_usps,
    "binarized-mnist": _load_binarized,
    "digits": _load_digits,
    "faces": _load_drawn,
    "glyphs": _load_drawn,
    "anime-faces": _load_anime,
    "anime-faces-32": _load_anime,
}
