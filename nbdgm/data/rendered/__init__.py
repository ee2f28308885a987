"""Pictures drawn from known factors: cartoon faces in colour, grey glyphs. No file, no network, exactly reproducible."""

from .faces import FACE_FACTORS, FACE_MEANINGS, draw_faces, faces
from .glyphs import GLYPH_FACTORS, GLYPH_MEANINGS, draw_glyphs, glyphs

__all__ = [
    "FACE_FACTORS",
    "FACE_MEANINGS",
    "GLYPH_FACTORS",
    "GLYPH_MEANINGS",
    "draw_faces",
    "draw_glyphs",
    "faces",
    "glyphs",
]
