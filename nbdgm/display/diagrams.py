"""Small graphs as inline SVG: graphical models (circles, plates) and networks (boxes), in the page's own colour."""


def diagram(*args, **kwargs) -> None:
    """Draw a graph of nodes and edges."""
    raise NotImplementedError
