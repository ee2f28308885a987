"""Data: real images, and drawn data of which everything is known.

`load` gives images by name, `densities` laws in one or two dimensions with exact log-densities, `faces` and `glyphs`
pictures drawn from known factors, `bars_and_stripes` a set small enough to enumerate. All of them have `.batches(size)`:
an endless iterator over tensors that already lie on the device. `letters` gives English text as a sequence of numbers,
`sentences` short sentences of it, one number a word.
"""

from . import densities, rendered
from .batches import Batches, binarize, compose, flip, from_signed, to_signed
from .images import Images, bars_and_stripes
from .load import DATASETS, DataError, load
from .rendered import draw_faces, draw_glyphs, faces, glyphs
from .text import Sentences, Text, letters, sentences

__all__ = [
    "DATASETS",
    "Batches",
    "DataError",
    "Images",
    "Sentences",
    "Text",
    "bars_and_stripes",
    "binarize",
    "compose",
    "densities",
    "draw_faces",
    "draw_glyphs",
    "faces",
    "flip",
    "from_signed",
    "glyphs",
    "letters",
    "load",
    "rendered",
    "sentences",
    "to_signed",
]
