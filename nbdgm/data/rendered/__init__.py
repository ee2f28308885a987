"""Pictures drawn from known factors: cartoon faces in colour, grey glyphs. No file, no network, exactly reproducible."""

from .faces import FACE_FACTORS, draw_faces, faces
from .glyphs import GLYPH_FACTORS, draw_glyphs, glyphs

__all__ = ["FACE_FACTORS", "GLYPH_FACTORS", "draw_faces", "draw_glyphs", "faces", "glyphs"]
