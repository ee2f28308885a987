import base64
import io
import re

import numpy as np
import pytest
from PIL import Image


class Shown(list):
    """The outputs that were displayed; `.html`, `.plain`, `.alt` of the last one."""

    @property
    def html(self) -> str:
        return self[-1][0]["text/html"]

    @property
    def plain(self) -> str:
        return self[-1][0]["text/plain"]

    def pictures(self) -> list[np.ndarray]:
        """The pictures inside the last output, decoded."""
        data = re.findall(r'src="data:image/\w+;base64,([^"]+)"', self.html)
        return [np.asarray(Image.open(io.BytesIO(base64.b64decode(d))).convert("RGB")) for d in data]

    def png(self) -> np.ndarray:
        return np.asarray(Image.open(io.BytesIO(base64.b64decode(self[-1][0]["image/png"]))).convert("RGB"))


@pytest.fixture
def shown(monkeypatch):
    import IPython.display

    outputs = Shown()

    def display(bundle, raw=False, metadata=None):
        assert raw
        outputs.append((bundle, metadata or {}))

    monkeypatch.setattr(IPython.display, "display", display)
    monkeypatch.setattr(IPython.core.interactiveshell.InteractiveShell, "initialized", lambda: True)
    return outputs
