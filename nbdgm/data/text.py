"""Text as small whole numbers: one symbol a letter, or sentences of one symbol a word. For chapters on sequences."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

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
    text is licensed (LDC99T42) and must not be passed on; show what a model makes of it. The marks `<unk>` (a rare word) and
    `N` (a number) are left out, signs and digits become spaces. Train has about 4.6 million symbols, valid and test about 0.4
    million each. At the smoke budget and without the file common English words in random order stand in; what is printed says
    so, and `.stand_in` is True.

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


END, RARE = "<end>", "<unk>"


@dataclass(repr=False)
class Sentences:
    """Sentences: `x` (N, L + 1), whole numbers, each the place of a word in `words`, and zeros from the end of a sentence on.

    The first zero of a row is the symbol for the end, which a model has to predict; the zeros after it are padding. Place 1
    is `<unk>`, for every word that is not in `words`. `stand_in` is True when other sentences take the place of those asked
    for.
    """

    x: Tensor
    words: tuple[str, ...]
    name: str = "sentences"
    stand_in: bool = False

    def __len__(self) -> int:
        return len(self.x)

    def __repr__(self) -> str:
        note = ", a stand-in" if self.stand_in else ""
        longest = self.x.shape[1] - 1
        return f"Sentences({self.name!r}{note}: {len(self):,} of at most {longest} words, {len(self.words):,} kinds)"

    def write(self, x: Tensor | Sequence[int]) -> str:
        """The words of one row, up to its end, as a string."""
        row = [int(i) for i in x]
        return " ".join(self.words[i] for i in (row[: row.index(0)] if 0 in row else row))

    def read(self, *lines: str) -> Tensor:
        """The rows of these sentences (n, L + 1): words apart by spaces, as in the data (small letters, `n't` and `'s` apart).

        Raises:
            ValueError: for a sentence without words, or with more than L.
        """
        place = {word: i for i, word in enumerate(self.words)}
        return _rows([line.split() for line in lines], place, self.x.shape[1] - 1).to(self.x.device)


def _rows(lines: list[list[str]], place: dict[str, int], longest: int) -> Tensor:
    x = torch.zeros(len(lines), longest + 1, dtype=torch.long)
    for row, line in zip(x, lines, strict=True):
        if not 1 <= len(line) <= longest:
            raise ValueError(f"a sentence has 1 to {longest} words, this one has {len(line)}: {' '.join(line)!r}")
        row[: len(line)] = torch.tensor([place.get(word, 1) for word in line])
    return x


def sentences(split: str = "train", longest: int = 12, kinds: int = 500, device: torch.device | str | None = None) -> Sentences:
    """Whole short sentences of English, one symbol a word: the Penn Treebank, from the files that `letters` reads.

    Kept are the sentences of 3 to `longest` words: for 12 words 8,372 in train, 690 in valid, 788 in test. `words` are the
    end, the rare word, and the `kinds - 2` commonest words of the kept sentences of train (ties: the first to occur),
    whatever the split. Every other word is the rare one. The text is licensed and must not be passed on; show what a model
    makes of it. At the smoke budget and without the file sentences of common English words in random order stand in; what
    is printed says so.

    Raises:
        ValueError: for an unknown split, `longest` below 3, `kinds` below 3, or an `NBDGM_DATA` that is no folder.
        DataError: for a file that is no text, or has no such sentence in it.
    """
    if split not in SPLITS:
        raise ValueError(f"split: expected one of {', '.join(SPLITS)}, got {split!r}")
    longest, kinds = whole("longest", longest, 3), whole("kinds", kinds, 3)
    if device is None:
        from nbdgm.runtime import device as default_device

        device = default_device()
    parts = ["train", "valid"] if split == "train+valid" else [split]
    needed = sorted({"train", *parts})
    folder = None if _smoke() else _find("ptb", [f"ptb.{part}.txt" for part in needed], None)
    if folder is None:
        drawn = {part: _random_sentences(part, longest) for part in needed}
    else:
        drawn = {part: _short(folder / f"ptb.{part}.txt", longest) for part in needed}
    counts = Counter(word for line in drawn["train"] for word in line if word != RARE)
    words = (END, RARE, *(word for word, _ in counts.most_common(kinds - 2)))
    lines = [line for part in parts for line in drawn[part]]
    if folder is None:
        reason = "at the smoke budget" if _smoke() else "no file"
        print(f"ptb ({reason}): {len(lines):,} sentences stand in, common English words in random order.")
    x = _rows(lines, {word: i for i, word in enumerate(words)}, longest)
    return Sentences(x.to(device), words, "ptb", stand_in=folder is None)


def _short(path: Path, longest: int) -> list[list[str]]:
    """The lines of a file that have 3 to `longest` words."""
    try:
        lines = [line.split() for line in path.read_text("ascii").splitlines()]
    except UnicodeDecodeError as error:
        raise _damaged(path, f"it is no ASCII text ({error})") from error
    kept = [line for line in lines if 3 <= len(line) <= longest]
    if not kept:
        raise _damaged(path, f"there is no sentence of 3 to {longest} words in it")
    return kept


def _random_sentences(split: str, longest: int) -> list[list[str]]:
    """Words drawn as for `letters`, in sentences whose lengths are equally likely."""
    n, seed = {"train": (1200, 5), "valid": (200, 6), "test": (200, 7)}[split]
    dice, chance = np.random.RandomState(seed), 1 / np.arange(1, len(WORDS) + 1)
    sizes = dice.randint(3, longest + 1, n)
    return [[WORDS[i] for i in dice.choice(len(WORDS), size, p=chance / chance.sum())] for size in sizes]


def _stand_in(split: str, device: torch.device | str) -> Text:
    """Words drawn with probability proportional to one over their rank (Zipf's law): English in its letters only."""
    n, seed = {"train": (4000, 1), "valid": (1000, 2), "train+valid": (5000, 3), "test": (1000, 4)}[split]
    chance = 1 / np.arange(1, len(WORDS) + 1)
    drawn = np.random.RandomState(seed).choice(len(WORDS), n, p=chance / chance.sum())
    x = encode(" ".join(WORDS[i] for i in drawn))
    reason = "at the smoke budget" if _smoke() else "no file"
    print(f"ptb ({reason}): {len(x):,} symbols stand in, common English words in random order.")
    return Text(x.to(device), LETTERS, "ptb", stand_in=True)
