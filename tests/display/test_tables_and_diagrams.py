import math
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import torch

from nbdgm.display import diagram, table


def test_a_table(shown):
    rows = [["VAE", 139.123, 12], ["<IWAE>", 7.0, None], ["long name", torch.tensor(0.5), 1234567]]
    assert table(rows, ["model", "nats", "steps"], caption="a & b") is None
    assert shown.plain.splitlines() == [
        "a & b",
        "model        nats      steps",
        "---------  ------  ---------",
        "VAE        139.12         12",
        "<IWAE>       7.00          –",
        "long name    0.50  1,234,567",
    ]
    tree = ET.fromstring(shown.html)
    cells = [[c.text for c in row] for row in tree.iter("tr")]
    assert cells[0] == ["model", "nats", "steps"] and cells[2] == ["<IWAE>", "7.00", "–"]
    assert next(tree.iter("caption")).text == "a & b"
    aligned = [c.attrib["style"] for c in list(tree.iter("tr"))[1]]
    assert aligned == ["text-align:left", "text-align:right", "text-align:right"]
    assert all(c.attrib["scope"] == "col" for c in tree.iter("th"))


def test_tables_from_mappings_and_odd_values(shown):
    table([{"a": 1, "b": 0.00001}, {"b": -2.5, "a": True}], digits=3)
    assert [line.split() for line in shown.plain.splitlines()[2:]] == [["1", "1e-05"], ["yes", "-2.500"]]
    table([[math.nan, math.inf, 0.0]], ["x", "y", "z"])
    assert shown.plain.splitlines()[2].split() == ["nan", "inf", "0.00"]
    table([], ["nothing"])
    table(
        [[np.bool_(True), np.float32(0.5), np.int64(12345), np.array(2.0), torch.tensor(True), torch.tensor([[3]])]],
        list("abcdef"),
    )
    assert shown.plain.splitlines()[2].split() == ["yes", "0.50", "12,345", "2.00", "yes", "3"]
    table([[False, 0.004, 0.01, -0.5, torch.tensor(0.25).bfloat16()]], list("abcde"))
    assert shown.plain.splitlines()[2].split() == ["no", "0.004", "0.01", "-0.50", "0.25"]
    table([[0.4, 12.6]], ["a", "b"], digits=np.int64(0))
    assert shown.plain.splitlines()[2].split() == ["0.4", "13"]
    for bad in (-1, 1.5):
        with pytest.raises(ValueError, match="digits: expected an integer of at least 0"):
            table([[1.0]], ["a"], digits=bad)
    with pytest.raises(ValueError, match="rows: row 1 has 1 values for 2 columns"):
        table([[1, 2], [3]], ["a", "b"])
    with pytest.raises(ValueError, match="columns: expected headings"):
        table([[1, 2]])


VAE = {"z": (0, 0, "latent"), "x": (0, 1.2, "observed"), "enc": (2, 0.5), "loss": (4, 0.5, "round"), "t": (1, 2, "constant")}


def svg(shown) -> ET.Element:
    return next(ET.fromstring(shown.html).iter("svg"))


def test_a_diagram_is_labelled_valid_and_takes_the_page_s_colour(shown):
    edges = [("z", "x"), ("enc", "z", "q_{φ}", "dashed"), ("enc", "loss", "", "plain"), ("t", "x", "a<b", "both left")]
    labels = {"enc": "encoder\n*f*_I(x)", "loss": "loss & KL"}
    assert diagram(VAE, edges, plates=[(["z", "x"], "N")], labels=labels, caption="A model", colours={"enc": "#0b6fb8"}) is None
    drawing = svg(shown)
    assert drawing.attrib["aria-label"] == (
        "A model: z -> x; encoder f_I(x) -> z (q_φ); encoder f_I(x) - loss & KL; θ <-> x (a<b)".replace("θ", "t")
    )
    assert shown.plain == f"[{drawing.attrib['aria-label']}]"
    assert drawing.attrib["role"] == "img" and "max-width:100%" in drawing.attrib["style"]
    colours = set(re.findall(r'(?:fill|stroke)="([^"]+)"', shown.html))
    assert colours <= {"currentColor", "none", "#0b6fb8"}
    texts = ["".join(t.itertext()) for t in drawing.iter("text")]
    assert texts == ["N", "qφ", "a<b", "z", "x", "encoder", "fI(x)", "loss & KL", "t"]
    assert len(list(drawing.iter("circle"))) == 3 and len(list(drawing.iter("polygon"))) == 4  # 1 + 1 + 0 + 2 heads
    assert "id=" not in shown.html  # several on one page cannot clash


def test_a_diagram_stays_inside_its_frame(shown):
    diagram(VAE, [("z", "loss", "far away", "left"), ("loss", "x", "", "left")], plates=[(list(VAE), "a long label")])
    drawing = svg(shown)
    left, top, width, height = map(float, drawing.attrib["viewBox"].split())
    for rect in drawing.iter("rect"):
        x, y, w, h = (float(rect.attrib[k]) for k in ("x", "y", "width", "height"))
        assert left <= x and x + w <= left + width and top <= y and y + h <= top + height
    for path in drawing.iter("path"):
        x0, y0, cx, cy, x1, y1 = map(float, re.findall(r"-?[\d.]+", path.attrib["d"]))
        for t in (0.25, 0.5, 0.75):
            x = (1 - t) ** 2 * x0 + 2 * t * (1 - t) * cx + t * t * x1
            y = (1 - t) ** 2 * y0 + 2 * t * (1 - t) * cy + t * t * y1
            assert left <= x <= left + width and top <= y <= top + height


def test_edges_begin_and_end_at_the_nodes_borders(shown):
    diagram({"a": (0, 0, "latent"), "b": (2, 0, "box")}, [("a", "b")])
    x0, y0, _, _, x1, y1 = map(float, re.findall(r"-?[\d.]+", next(svg(shown).iter("path")).attrib["d"]))
    assert (x0, y0, y1) == (23.0, 0.0, 0.0)
    box = next(svg(shown).iter("rect"))
    tip = float(next(svg(shown).iter("polygon")).attrib["points"].split(",")[0])
    assert tip == pytest.approx(float(box.attrib["x"]), abs=0.1) and x1 < tip


@pytest.mark.parametrize(
    ("nodes", "edges", "more", "message"),
    [
        ({}, [], {}, "nodes: expected at least one"),
        ({"a": (0, 0, "star")}, [], {}, "nodes: 'a' has the unknown kind 'star'; kinds are latent"),
        ({"a": (0, 0)}, [("a", "b")], {}, "edges: unknown node 'b'; there are a"),
        ({"a": (0, 0), "b": (0, 0)}, [("a", "b")], {}, "edges: both ends lie at the same place"),
        ({"a": (0, 0), "b": (1, 0)}, [("a", "b", "", "wavy")], {}, "edges: unknown style 'wavy'"),
        ({"a": (0, 0)}, [("a",)], {}, r"edges: expected \(from, to"),
        ({"a": (0,)}, [], {}, r"nodes: 'a': expected \(column, row\) or"),
        ({"a": (0, 0, "box", 1)}, [], {}, r"nodes: 'a': expected \(column, row\) or"),
        ({"a": (0, 0)}, [], {"plates": [([], "N")]}, "plates: 'N' holds no node"),
        ({"a": (0, 0)}, [], {"plates": [(["c"], "N")]}, "plates: unknown node 'c'"),
        ({"a": (0, 0)}, [], {"labels": {"c": "x"}}, "labels: unknown node 'c'"),
        ({"a": (0, 0)}, [], {"colours": {"c": "red"}}, "colours: unknown node 'c'"),
    ],
)
def test_a_diagram_refuses(shown, nodes, edges, more, message):
    with pytest.raises(ValueError, match=message):
        diagram(nodes, edges, **more)
    assert not shown
