"""Text as a sequence of small whole numbers: one symbol a letter. For chapters on sequences; not a tokenizer of words."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from nbdgm.border import whole

from .load import SPLITS, _damaged, _find, _smoke

LETTERS = " abcdefghijklmnopqrstuvwxyz"

# The commonest words of English, the commonest first: what a stand-in is made of.
_COMMON = """
the of and to in a is that for it as was with be by on not he his but at are this have from or had an they which one
you were all her she there would their we him been has when who will no more if out so up said what its about than into them can
only other time new some could these two may first then do any like my now over such our man me even most made after also did
many off before must well back through years much where your way down should because long each just state those people too
little how good make world still see own work men day get here old between both life being under three never know same last
another while us might great year since against go came right used take"""
WORDS = _COMMON.split()


@dataclass(repr=False)
class Text:
    """A text: `x` (N,), whole numbers, each the place of a symbol in `symbols`.

    `stand_in` is True when another text takes the place of the one asked for (at the smoke budget, or without the file).
    """

    x: Tensor
    symbols: str = LETTERS
    name: str = "text"
    stand_in: bool = False

    def __len__(self) -> int:
        return len(self.x)

    def __repr__(self) -> str:
        note = ", a stand-in" if self.stand_in else ""
        return f"Text({self.name!r}{note}: {len(self):,} symbols of {len(self.symbols)})"

    def pieces(self, length: int) -> Tensor:
        """The text cut into pieces of this length, (N // length, length); a rest that is too short is left out.

        Raises:
            ValueError: `length` is not a whole number from 1 to the length of the text.
        """
        length = whole("length", length, 1)
        if length > len(self):
            raise ValueError(f"length: the text {self.name!r} has only {len(self):,} symbols, got {length:,}")
        return self.x[: len(self) // length * length].view(-1, length)

    def write(self, x: Tensor | Sequence[int]) -> str:
        """The symbols of these numbers, as a string."""
        return "".join(self.symbols[int(i)] for i in x)


def encode(text: str, symbols: str = LETTERS) -> Tensor:
    """The numbers of a text (N,): small letters; whatever is not in `symbols` becomes a space, and spaces in a row one.

    Raises:
        ValueError: `symbols` has no space, or a symbol twice.
    """
    if " " not in symbols or len(set(symbols)) < len(symbols):
        raise ValueError(f"symbols: expected different characters and a space among them, got {symbols!r}")
    kept = "".join(c if c in symbols else " " for c in text.lower())
    place = {c: i for i, c in enumerate(symbols)}
    return torch.tensor([place[c] for c in " ".join(kept.split())])


def letters(split: str = "train", device: torch.device | str | None = None) -> Text:
    """English text in 27 symbols, a space and the small letters: the Penn Treebank in Mikolov's preparation, if it is there.

    It is looked for as `ptb/ptb.train.txt` (and `valid`, `test`) in `$NBDGM_DATA` and in the cache, and never downloaded: its
    text is licensed (LDC99T42) and must not be passed on; show what a model makes of it. The marks `<unk>` (a rare word) and `N`
    (a number) are left out, signs and digits become spaces. Train has about 4.6 million symbols, valid and test about 0.4 million each. At the smoke budget and
    without the file common English words in random order stand in; what is printed says so, and `.stand_in` is True.

    Raises:
        ValueError: for an unknown split, or an `NBDGM_DATA` that is no folder.
        DataError: for a file that is no text, or has no letter in it.
    """
    if split not in SPLITS:
        raise ValueError(f"split: expected one of {', '.join(SPLITS)}, got {split!r}")
    if device is None:
        from nbdgm.runtime import device as default_device

        device = default_device()
    parts = ["train", "valid"] if split == "train+valid" else [split]
    folder = None if _smoke() else _find("ptb", [f"ptb.{part}.txt" for part in parts], None)
    if folder is None:
        return _stand_in(split, device)
    text = ""
    for part in parts:
        path = folder / f"ptb.{part}.txt"
        try:
            words = path.read_text("ascii").split()
        except UnicodeDecodeError as error:
            raise _damaged(path, f"it is no ASCII text ({error})") from error
        text += " ".join(word for word in words if word not in ("<unk>", "N")) + " "
    x = encode(text)
    if not len(x):
        raise _damaged(path, "there is no letter in it")
    return Text(x.to(device), LETTERS, "ptb")


def _stand_in(split: str, device: torch.device | str) -> Text:
    """Words drawn with probability proportional to one over their rank (Zipf's law): English in its letters only."""
    n, seed = {"train": (4000, 1), "valid": (1000, 2), "train+valid": (5000, 3), "test": (1000, 4)}[split]
    chance = 1 / np.arange(1, len(WORDS) + 1)
    drawn = np.random.RandomState(seed).choice(len(WORDS), n, p=chance / chance.sum())
    x = encode(" ".join(WORDS[i] for i in drawn))
    reason = "at the smoke budget" if _smoke() else "no file"
    print(f"ptb ({reason}): {len(x):,} symbols stand in, common English words in random order.")
    return Text(x.to(device), LETTERS, "ptb", stand_in=True)
