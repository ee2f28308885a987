import math
import re
import xml.etree.ElementTree as ET
from pathlib import Path

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


def numbers(element, *names) -> list[float]:
    return [float(element.attrib[name]) for name in names]


def test_plates_lie_about_their_nodes_and_about_one_another(shown):
    diagram({"a": (0, 0, "latent"), "b": (1, 0, "observed")}, plates=[(["a"], "N"), (["a", "b"], "M"), (["b"], "")])
    first, second, third = svg(shown).iter("rect")
    assert numbers(first, "x", "y", "width", "height") == [
        -23 - 18,
        -23 - 18,
        2 * 41,
        2 * 41 + 16,
    ]  # below is room for the label
    assert numbers(second, "x", "y", "width", "height") == [-23 - 25, -23 - 25, 84 + 2 * 48, 2 * 48 + 16]
    assert numbers(third, "x", "y") == [84 - 23 - 18, -23 - 18]
    label = next(t for t in svg(shown).iter("text") if "".join(t.itertext()) == "N")
    assert numbers(label, "x", "y") == [41 - 8, 41 + 16 - 6]
    assert label.attrib["text-anchor"] == "end" and label.attrib["font-style"] == "italic" and label.attrib["font-size"] == "14"
    circles = list(svg(shown).iter("circle"))
    assert [numbers(c, "cx", "cy", "r", "fill-opacity") for c in circles] == [[0, 0, 23, 0], [84, 0, 23, 0.22]]
    left, top, width, height = map(float, svg(shown).attrib["viewBox"].split())
    assert [left, top] == [-52, -52] and [width, height] == [84 + 2 * 48 + 8, 2 * 48 + 16 + 8]
    assert svg(shown).attrib["width"] == f"{width:.0f}"


def test_shapes_of_the_kinds_of_nodes(shown):
    names = {"bb": (0, 0), "rr": (0, 1, "round"), "tt": (0, 2, "text"), "cc": (0, 3, "constant")}
    diagram(names, labels={"bb": "long box\ntwo"}, colours={"rr": "teal"}, scale=2.0)
    box, round_ = svg(shown).iter("rect")
    assert numbers(box, "width", "height", "rx") == pytest.approx([8 * 8.4 + 20, 2 * 19 + 15, 5], abs=0.06)
    assert box.attrib["fill-opacity"] == "0.06" and round_.attrib["fill-opacity"] == "0.16"
    assert numbers(round_, "width", "height", "rx") == pytest.approx([2 * 8.4 + 20, 19 + 15, 17], abs=0.06)
    assert round_.attrib["stroke"] == round_.attrib["fill"] == "teal"
    (dot,) = svg(shown).iter("circle")
    assert numbers(dot, "cx", "cy", "r") == [0, 3 * 84, 4]
    texts = {"".join(t.itertext()): t for t in svg(shown).iter("text")}
    assert [numbers(texts[t], "y")[0] for t in ("long box", "two", "rr", "tt", "cc")] == [
        5 - 9.5,
        5 + 9.5,
        84 + 5,
        168 + 5,
        252 + 20,
    ]
    assert "font-style" not in texts["rr"].attrib and texts["cc"].attrib["font-style"] == "italic"
    width = float(svg(shown).attrib["viewBox"].split()[2])
    assert float(svg(shown).attrib["width"]) == pytest.approx(2 * width, abs=1)


def test_written_marks(shown):
    diagram({"a": (0, 0, "text")}, labels={"a": "*p*_θ(x^{2k})q"})
    spans = [(s.text, dict(s.attrib)) for s in next(svg(shown).iter("text"))]
    small = f"{16 * 0.72:.1f}"
    assert spans == [
        ("p", {"font-style": "italic"}),
        ("θ", {"dy": "4.5", "font-size": small}),
        ("(x", {"dy": "-4.5"}),
        ("2k", {"dy": "-6.7", "font-size": small}),
        (")q", {"dy": "6.7"}),
    ]
    diagram({"z": (0, 0, "latent")})
    assert next(svg(shown).iter("text")).attrib["font-style"] == "italic"


def test_an_edge_from_border_to_border_with_its_head_its_label_and_its_bend(shown):
    nodes = {"a": (0, 0, "latent"), "b": (2, 0, "latent")}
    diagram(nodes, [("a", "b", "go")])
    path = lambda: [float(v) for v in re.findall(r"-?[\d.]+", next(svg(shown).iter("path")).attrib["d"])]
    head = lambda k=0: [float(v) for v in re.split("[ ,]", list(svg(shown).iter("polygon"))[k].attrib["points"])]
    assert path() == [23, 0, 84, 0, 168 - 23 - 7, 0]
    assert head() == [145, 0, 136, 4, 136, -4]
    label = next(t for t in svg(shown).iter("text") if "".join(t.itertext()) == "go")
    assert label.attrib["text-anchor"] == "middle" and label.attrib["font-size"] == "14"
    x, y = numbers(label, "x", "y")
    assert x == pytest.approx((23 + 138 + 168) / 4, abs=0.06) and y == -10  # above the line
    assert "font-style" not in label.attrib
    diagram(nodes, [("a", "b", "", "both dashed")])
    assert path()[0] == 23 + 7 and head(1) == [23, 0, 32, -4, 32, 4]
    assert next(svg(shown).iter("path")).attrib["stroke-dasharray"] == "5 4"
    for style, side in (("left", -1), ("right", 1)):  # seen along the edge, y downwards
        diagram(nodes, [("a", "b", "", style)])
        assert path()[2:4] == pytest.approx([84, side * 0.48 * 168], abs=0.06)
        x0, y0 = path()[:2]
        assert math.hypot(x0, y0) == pytest.approx(23, abs=0.1) and y0 * side > 0
    diagram(nodes, [("a", "b", "", "plain")])
    assert path() == [23, 0, 84, 0, 145, 0] and not list(svg(shown).iter("polygon"))
    diagram({"a": (0, 0, "latent"), "b": (0, 2, "latent")}, [("a", "b", "down")])
    label = next(t for t in svg(shown).iter("text") if "".join(t.itertext()) == "down")
    assert label.attrib["text-anchor"] == "start" and numbers(label, "x")[0] == pytest.approx(9, abs=0.06)  # to the right of it
    assert numbers(label, "y")[0] == pytest.approx((23 + 138 + 168) / 4 + 4, abs=0.06)
    left, _, width, _ = map(float, svg(shown).attrib["viewBox"].split())
    assert left == -27 and left + width == pytest.approx(9 + 4 * 7.4 + 4, abs=0.1)  # four letters to the right of the line
    diagram(nodes, [("a", "b", "below", "right")])
    label = next(t for t in svg(shown).iter("text") if "".join(t.itertext()) == "below")
    x0, y0, cx, cy, x1, y1 = path()
    assert numbers(label, "x", "y") == pytest.approx([(x0 + 2 * cx + x1) / 4, (y0 + 2 * cy + y1) / 4 + 9 + 4 + 5], abs=0.2)


def test_edges_leave_boxes_at_their_sides(shown):
    where = {"b": (0, 0), "right": (2, 0, "latent"), "below": (0, 2, "latent"), "apart": (2, 2, "latent")}
    diagram(where, [("b", name, "", "plain") for name in list(where)[1:]])
    box = next(svg(shown).iter("rect"))
    rx, ry = (v / 2 for v in numbers(box, "width", "height"))
    starts = [list(map(float, re.findall(r"-?[\d.]+", p.attrib["d"])[:2])) for p in svg(shown).iter("path")]
    assert starts == [pytest.approx(at, abs=0.06) for at in ([rx, 0], [0, ry], [min(rx, ry)] * 2)]


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


RICH = {
    "a": (0, 0, "latent"), "b": (1.5, 0.25, "observed"), "c": (3, 1, "box"), "d": (0.5, 2, "round"),
    "e": (2.25, 2.5, "constant"),
    "f": (-1, 1.5, "text"),
}  # fmt: skip
EDGES = [
    ("a", "b", "up", "left"), ("b", "c", "p_{θ}", "dashed right"), ("c", "d", "back", "both"), ("d", "f"),
    ("f", "a", "e^x", "plain"),
    ("e", "c", "longer words", "left both dashed"), ("a", "d", "", "right"), ("d", "b", "x"), ("c", "e", "y", "right"),
]  # fmt: skip


def test_a_drawing_is_drawn_as_it_was(shown):
    """Every place, size and colour of a rich drawing. Drawn on purpose otherwise? Look at it, and keep the new file."""
    labels = {"a": "z_{t+1}", "c": "a box\n*of* two lines", "d": "loss", "f": "plain text\nx^2"}
    plates = [(["a", "b"], "N"), (["a", "b", "d"], "M"), (["c"], "K & L")]
    colours = {"b": "teal", "c": "#0b6fb8", "f": "red", "a": "navy", "e": "olive"}
    diagram(RICH, EDGES, plates=plates, labels=labels, colours=colours, caption="all")
    kept = Path(__file__).parent / "diagram.html"
    assert shown.html == kept.read_text()


@pytest.mark.parametrize(
    ("edge", "anchor", "x", "y"),
    [
        ((2, 0), "middle", 82.2, -10.0), ((-2, 0), "middle", -82.2, 18.0), ((0, 2), "start", 9.0, 86.2), ((0, -2),
        "end", -9.0, -78.2),
        ((2, 2), "start", 89.1, 75.4), ((2, -2), "end", 76.4, -90.1), ((-2, 2), "start", -76.4, 93.1), ((-2, -2),
        "end", -89.1, -72.4),
    ],
)  # fmt: skip
def test_labels_stand_on_the_left_of_their_edge(edge, anchor, x, y, shown):
    diagram({"a": (0, 0, "latent"), "b": (*edge, "latent")}, [("a", "b", "go")])
    label = next(t for t in svg(shown).iter("text") if "".join(t.itertext()) == "go")
    assert label.attrib["text-anchor"] == anchor and numbers(label, "x", "y") == pytest.approx([x, y], abs=0.06)


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(0.01, 2, "0.01"), (0.0099, 2, "0.0099"), (-0.01, 2, "-0.01"), (0.05, 1, "0.05"), (0.1, 1, "0.1"),
    (0.0, 3, "0.000"), (0.999, 0, "1"),
     (1.0, 0, "1"), (-12.345, 1, "-12.3"), (1e-9, 2, "1e-09"), (0.00123, 2, "0.0012"), (10**6, 2, "1,000,000"),
     (-4321, 2, "-4,321")],
)  # fmt: skip
def test_a_number_has_its_decimals_or_two_digits(value, digits, text, shown):
    table([[value]], ["x"], digits=digits)
    assert shown.plain.splitlines()[2].strip() == text


def test_columns_of_numbers_stand_right_and_all_others_left(shown):
    rows = [[1, "a", True, None, np.bool_(False), torch.tensor(2), np.array([3.0])], [2.5, 1, 2, None, 1, 3, None]]
    table(rows, list("abcdefg"))
    aligned = [cell.attrib["style"].removeprefix("text-align:") for cell in list(ET.fromstring(shown.html).iter("tr"))[1]]
    assert aligned == ["right", "left", "left", "right", "left", "right", "right"]
    table([], ["a", "b"], caption="none")
    assert shown.plain == "none\na  b\n-  -" and shown.html.count("text-align:left") == 3
    table([[1]], ["a"])
    assert "caption" not in shown.html and shown.plain == "a\n-\n1"
