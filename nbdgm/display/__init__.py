"""Show things: pictures, curves, points, films, tables, diagrams. Every function draws and returns None.

What they emit is small, needs no network, and reads well in the book, in JupyterLab, in dark mode and on a narrow screen. A
plain-text alternative is always there.
"""

from .diagrams import diagram
from .films import film
from .pictures import grid, grids, manifold, manifold_frame, strips
from .plots import curves, scatter, show_figure
from .tables import table

__all__ = [
    "curves",
    "diagram",
    "film",
    "grid",
    "grids",
    "manifold",
    "manifold_frame",
    "scatter",
    "show_figure",
    "strips",
    "table",
]
