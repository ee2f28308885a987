"""Numbers behind a claim: moved, counted, missing, bounded, shown; and where in the cells they come from."""

from __future__ import annotations

import ast
import itertools
import math
import warnings
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import sympy as sp
import torch

from nbdgm.proof import bounds, claims, moving, rendering, shown, verdicts
from nbdgm.proof.bounds import comparisons, literal
from nbdgm.proof.cells import UNKNOWN, Story, _family, bindings_of, called, is_filled, parse
from nbdgm.proof.flow import Flow, single_return
from nbdgm.proof.missing import holds_nan, size
from nbdgm.proof.moving import changed, changes, is_number, is_variable, moved, operations
from nbdgm.proof.sentence import refuse_other_words
from nbdgm.proof.trial import Trial, _on_both, _transparent

NAN = math.nan


def expression(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def story(*texts: str, **values: object) -> Story:
    return Story([parse(text) for text in texts], values=values or None)


# --- moving ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (1, True), (1.5, True), ("a", True), (True, True), (np.float64(2), True), (np.array([1.0]), True),
        (torch.tensor(1.0), True),
        (sp.Integer(2), True), (sp.pi, True), (sp.Symbol("x"), False), ([1, 2.0], True), ((1, [2]), True), ({"a": 1}, True),
        ([object()], False), ({"a": object()}, False), (None, False), (object(), False), ([], True), (Fraction(1, 2), True),
    ],
)  # fmt: skip
def test_what_holds_numbers_can_be_moved(value, found):
    assert is_variable(value) is found


@pytest.mark.parametrize(
    ("value", "found"), [(1, True), (1.5, True), (True, False), ("1", False), (np.float32(1), True), (1j, False)]
)
def test_what_is_a_number(value, found):
    assert is_number(value) is found


DOUBLE, LESS = (lambda: lambda v: 2 * v), (lambda: lambda v: v - 7)


@pytest.mark.parametrize(
    ("value", "draw", "made"),
    [
        (3, DOUBLE, 6), (3, LESS, 0), (-3, LESS, -10), (0, LESS, 0), (1.5, DOUBLE, 3.0), (0.0, DOUBLE, 2e-9), (1.5, LESS, -5.5),
        (True, DOUBLE, False), (False, DOUBLE, True), (math.inf, DOUBLE, 2.0), (-math.inf, DOUBLE, 2.0), ("a", DOUBLE, "a?"),
        ("a", LESS, "a"), ([1, 2.0], DOUBLE, [2, 4.0]), ((1, 2.0), DOUBLE, (2, 4.0)),
        ({"a": 1, "b": [2.0]}, DOUBLE, {"a": 2, "b": [4.0]}),
        (sp.Rational(1, 2), DOUBLE, 1.0), (None, DOUBLE, None), (Fraction(1, 2), DOUBLE, 1.0),
    ],
)  # fmt: skip
def test_a_value_with_other_numbers_in_it(value, draw, made):
    found = changed(value, draw)
    assert found == made and type(found) is type(made)
    assert math.isfinite(moving.changed(NAN, DOUBLE))


def in_turn():
    """Factors 1, 2, 3, ..., one for each draw."""
    factors = itertools.count(1)

    def draw():
        factor = next(factors)
        return lambda v: factor * v

    return draw


def test_arrays_are_moved_element_by_element_and_stay_what_they_are():
    for make in (np.array, torch.tensor):
        found = changed(make([1.0, 2.0]), DOUBLE)
        assert type(found) is type(make([1.0])) and found.tolist() == [2.0, 4.0]
        assert changed(make([True, False]), DOUBLE).tolist() == [False, True]
        assert changed(make([1, 2]), DOUBLE).tolist() == [2, 4] and changed(make(1.5), DOUBLE) == 3.0
    assert changed(np.array([1.0, 1.0, 1.0]), in_turn()).tolist() == [1.0, 2.0, 3.0]
    assert set(changed(np.ones(moving.LARGE + 1), in_turn()).tolist()) == {1.0}
    assert len(set(changed(np.ones(moving.LARGE), in_turn()).tolist())) == moving.LARGE


def test_the_ways_to_make_another_number():
    free, kept = operations(False), operations(True)
    made = {op(2.0) for op in free}
    assert {0.0, 2e-9, 4.0, 2e6, -2.0, -4.0, 2.5, 1.5, 1.0, -1.0, 2.0 + 1e6, 2.0 - 1e6, 1.98, 2.02, 32.0, -28.0} <= made
    assert all(op(2.0) > 0 for op in kept) and all(op(-2.0) < 0 for op in kept) and 0.0 not in {op(2.0) for op in kept}
    aimed = operations(True, [5.0, -3.0])
    assert 5.0 in {op(2.0) for op in aimed} and -3.0 not in {op(2.0) for op in aimed}
    assert -3.0 in {op(-2.0) for op in aimed} and {5.0, -3.0} <= {op(2.0) for op in operations(False, [5.0, -3.0])}


def test_the_ways_to_make_another_value():
    assert [change("a") for change in changes("a", False)] == ["a?"]
    one, many = changes(2.0, False), changes([2.0, 3.0], False)
    assert len(many) == len(one) + 24 == len(operations(False)) + 24
    assert {c(2.0) for c in one} == {op(2.0) for op in operations(False)}
    assert any(len({round(v / w, 6) for v, w in zip(c([2.0, 3.0]), (2.0, 3.0), strict=True)}) > 1 for c in many[-24:])
    assert len(changes(np.float64(2), False)) == len(changes(np.array(2.0), False)) == len(one)
    assert len(changes(np.array([2.0]), False)) == len(many) and len(changes(2.0, True)) == len(operations(True))
    assert all(min(c([2.0, 3.0])) > 0 for c in changes([2.0, 3.0], True))
    assert moved(lambda v: v / 0, 3) == 3 and moved(lambda v: v + 1, 3) == 4


# --- what is missing ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "many"),
    [
        ([], 0), ([1, 2], 2), ((1,), 1), ({}, 0), ({"a": 1}, 1), ({1, 2}, 2), (frozenset({1}), 1), (np.zeros((2, 3)), 6),
        (torch.zeros(2, 3), 6), (np.float64(1), 1), (1.0, None), ("abc", None), (None, None), (iter([1]), None),
        (np.zeros(0), 0),
    ],
)  # fmt: skip
def test_how_many_numbers_a_value_holds(value, many):
    assert size(value) == many


class Odd:
    """Has a type of numbers and none."""

    dtype = "float64"

    def sum(self):
        return self

    def __eq__(self, other):
        raise TypeError

    __hash__ = None

    def __ne__(self, other):
        raise TypeError


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (NAN, True), (1.0, False), (math.inf, False), ([1.0, NAN], True), ([[[[NAN]]]], True), ([[[[[NAN]]]]], False),
        ((NAN,), True),
        ({"a": NAN}, True), ({NAN}, True), (frozenset({NAN}), True), ({"a": 1.0}, False), (np.array([1.0, NAN]), True),
        (np.array([1.0]), False), (torch.tensor([NAN]), True), (torch.tensor([1]), False), (np.array(["a"]), False),
        (None, False),
        ("nan", False), (np.float32(NAN), True), (Odd(), False), ([], False),
    ],
)  # fmt: skip
def test_nan_is_found_wherever_it_is(value, found):
    assert holds_nan(value) is found


# --- bounds ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3.0),
        ("-2.5", -2.5),
        ("True", None),
        ("'a'", None),
        ("x", None),
        ("1 + 2", None),
        ("[1]", None),
        ("-x", None),
        ("None", None),
    ],
)
def test_a_number_that_is_typed(text, value):
    assert literal(expression(text)) == value


def test_a_chain_of_comparisons_is_taken_by_twos():
    found = [(type(op).__name__, ast.unparse(a), ast.unparse(b)) for op, a, b in comparisons(expression("a < b >= 2"))]
    assert found == [("Lt", "a", "b"), ("GtE", "b", "2")]


WIDENING = [  # comparison, the parts that make it easier to meet when they are larger
    ("a < b", {"a", "b"}), ("a == b", set()), ("a < b + 1", {"a", "b + 1", "b", "1"}), ("a < 3 * b", {"a", "3 * b", "3", "b"}),
    ("3 * a < b", {"3 * a", "b"}), ("a / 9 < b", {"a / 9", "a", "9", "b"}), ("a < b / 9", {"a", "b / 9", "b"}),
    ("a > b", {"a", "b"}), ("3 * a > b", {"3 * a", "3", "a", "b"}), ("a > b / 9", {"a", "b / 9", "b", "9"}),
    ("a >= b * 9", {"a", "b * 9"}),
    ("a - 1 <= b", {"a - 1", "a", "1", "b"}), ("a < b ** 2", {"a", "b ** 2"}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "parts"), WIDENING)
def test_the_parts_that_widen_a_comparison(text, parts):
    assert {ast.unparse(n) for n in bounds._widening(expression(text))} == parts


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x < 1e13", True), ("x < 1e12", False), ("x > -1e13", True), ("x < 10**13", True), ("x < 2 * 10**12", True),
        ("x < wide", True),
        ("x < wider", True), ("x < narrow", False), ("x < unknown", False), ("x < -wide", True), ("x < 10**400", True),
        ("x < 1.0 / 0", False), ("x < 1e400", True), ("x < 1e13 - 1e13", True), ("x < 2e13 / 4", True), ("x < 8 / 2", False),
        ("x == 1e13", False), ("x < 1e7 * 1e7", True), ("x < 10.0**400", True), ("1e13 < x", True), ("x < 5 + 1e13 * y", True),
        ("x < again", False), ("x / 1e13 < y", True),
    ],
)  # fmt: skip
def test_a_bound_that_no_measure_comes_near(text, said):
    cell = "wide = 10**13\nwider = wide\nnarrow = 3\nunknown = f()\nagain = 1e13\nagain = 2e13\n"
    once = cell.replace("again = 1e13\nagain = 2e13\n", "for again in (1e13, 2e13):\n    pass\n")
    at = story(once, text)
    assert bool(list(bounds.too_far(expression(text), at, at.now))) is said


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (1, 1), (True, 1), (1.5, 1.5), (np.float32(0.5), 0.5), (np.int64(3), 3), (np.array(2.5), 2.5), (torch.tensor(2.5), 2.5),
        (torch.tensor(True), 1), (sp.Integer(3), 3.0), (sp.sqrt(4), 2.0), (Fraction(1, 4), 0.25), (Decimal("0.5"), 0.5),
        (np.array([1.0, 2.0]), None), (sp.Symbol("x"), None), ("1", None), (None, None), ([1], None), (1j, None),
    ],
)  # fmt: skip
def test_a_plain_number_is_shown(value, number):
    if number is None:
        with pytest.raises(TypeError, match="claim: loss is"):
            claims._number("claim", "loss", value)
        return
    found = claims._number("claim", "loss", value)
    assert found == number and type(found) is type(number)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("math.pi", math.pi), ("math.inf", None), ("a", None), ("3", 3.0), ("2 * math.pi", 2 * math.pi), ("str(3)", None),
        ("bool(1)", None),
        ("np.array([1, 2])", None), ("a + 1", None), ("math.pi / 0", None), ("np.float64(2)", 2.0), ("10**400", None),
        ("complex(1, 1)", None),
    ],
)  # fmt: skip
def test_the_value_of_a_bound_that_nothing_computed_goes_into(text, value):
    made = trial("a < 2", a=1.0, math=math, np=np, **vars(__import__("builtins")))
    assert bounds._value(expression(text), made) == value


FAR = [  # condition, a, is its bound out of reach?
    ("a < 3e9", 0.25, True), ("a < 3e9", 4.0, False), ("a < 1e6", 1e-9, False), ("a < 1.1e6", 1e-9, True),
    ("a < 1.1e6", 2e-3, False),
    ("a > -3e9", 0.25, True), ("a > -3e9", -4.0, False), ("a > -3e9", 4.0, False), ("3e9 > a", 0.25, True),
    ("a < b + 3e9", 0.25, True),
    ("a < 1e13", 1e9, True), ("a < 9e11", 1e9, False), ("a < 5", 1.0, False), ("a > 3e9", 1.0, False),
    ("a < math.inf", 1.0, False),
    ("a == 3e9", 3e9, False), ("a < 3e9 * b", 0.25, False), ("a / 3e9 < b", 0.25, False), ("a < 10 * math.exp(30)", 0.25, True),
    ("a < 2 or a < 3e9", 0.25, True), ("not a > 3e9", 0.25, True), ("a < c", 0.25, False),
]  # fmt: skip


@pytest.mark.parametrize(("condition", "a", "far"), FAR)
def test_a_bound_that_the_measure_would_have_to_grow_enormously_to_meet(condition, a, far):
    made = trial(condition, a=a, b=1.0, c=3e9, math=math)
    if not far:
        bounds.refuse_out_of_reach(made, "claim")
        return
    with pytest.raises(TypeError, match=r"claim: the bound .* decides nothing"):
        bounds.refuse_out_of_reach(made, "claim")


# --- words ----------------------------------------------------------------------------------------------------------------

WORDS = [  # sentence, condition, refused?
    ("below 10", "x < 10", False), ("below 10", "x < 100", True), ("below 10", "x < 9", False), ("below ten", "x < 100", True),
    ("under 0.5", "x < 0.6", True), ("less than 3", "x <= 3", False), ("at most 5 %", "x < 0.05", False),
    ("at most 5 %", "x < 0.5", True),
    ("at most 5 per cent", "x < 0.5", True), ("above 10", "x > 10", False), ("above 10", "x > 1", True),
    ("at least 3", "x >= 2", True),
    ("at least 3", "3 <= x", False), ("at least 3", "2 <= x", True), ("below 10", "100 > x", True),
    ("more than 1,000", "x > 100", True),
    ("more than 1,000", "x > 1000", False), ("below 1/2", "x < 0.5", False), ("below 1/2", "x < 0.9", True),
    ("below 10", "x < y", False),
    ("below 10", "x < 100 and z < 9", False), ("no more than -3", "x <= -2", True), ("up to 7", "x < 8", True),
    ("about 7", "x < 8", False),
    ("below $10$", "x < 100", False), ("below 10", "x == 100", False), ("over 9", "x > 9", False),
    ("no less than 4", "x > 3", True),
    ("below one half", "x < 3", True), ("below one third", "x < 3", False), ("below 10-20", "x < 100", False),
    ("greater than 5", "x > 4", True),
    ("larger than 5", "x > 4", True), ("smaller than 5", "x < 6", True), ("fewer than 5", "x < 6", True),
    ("Below 5", "x < 6", True),
    ("below 5", "x < 5.0001", False), ("below 5", "x < 5.01", True), ("above 5", "x > 4.9999", False),
    ("above 5", "x > 4.99", True),
]  # fmt: skip


@pytest.mark.parametrize(("text", "condition", "refused"), WORDS)
def test_the_words_agree_with_the_bounds(text, condition, refused):
    if not refused:
        refuse_other_words(f"the distance is {text}.", expression(condition), "claim")
        return
    with pytest.raises(TypeError, match="make them agree"):
        refuse_other_words(f"the distance is {text}.", expression(condition), "claim")


# --- cells ----------------------------------------------------------------------------------------------------------------


def bound(text: str) -> set[tuple[str, str, int]]:
    return {(b.name, b.how, b.at[1]) for b in bindings_of(parse(text).body, 0)}


BINDINGS = [
    ("a = 1", {("a", "=", 1)}), ("a = b = 1", {("a", "=", 1), ("b", "=", 1)}), ("a, b = 1, 2", {("a", "=", 1), ("b", "=", 1)}),
    ("a, b = f()", {("a", "part", 1), ("b", "part", 1)}), ("a, *b = 1, 2, 3", {("a", "part", 1), ("b", "part", 1)}),
    ("a, b = 1, *c", {("a", "part", 1), ("b", "part", 1)}), ("[a, b] = [1, 2]", {("a", "=", 1), ("b", "=", 1)}),
    ("a: int = 1", {("a", "=", 1)}), ("a: int", set()), ("a += 1", {("a", "part", 1)}), ("a[0] = 1", {("a", "part", 1)}),
    ("a.b = 1", {("a", "part", 1)}), ("a.b[0].c = 1", {("a", "part", 1)}), ("f().b = 1", set()),
    ("a.append(1)", {("a", "part", 1)}),
    ("a.extend(b)", {("a", "part", 1)}), ("a.update(k=1)", {("a", "part", 1)}), ("a.sort()", set()),
    ("a.b.append(1)", {("a", "part", 1)}),
    ("for a in b: c = a", {("a", "loop", 1), ("c", "=", 1)}), ("with f() as a: pass", {("a", "with", 1)}),
    ("with f(): pass", set()),
    ("import a.b", {("a", "import", 1)}), ("import a as c", {("c", "import", 1)}),
    ("from a import b as c, d", {("c", "import", 1), ("d", "import", 1)}),
    ("def a(b):\n    c = 1", {("a", "def", 1)}), ("class a:\n    b = 1", {("a", "def", 1)}), ("(a := 1)", {("a", "=", 1)}),
    ("[(a := v) for v in b]", {("a", "=", 1)}), ("lambda: (a := 1)", {("a", "=", 1)}), ("if f:\n    a = 1", {("a", "=", 2)}),
    ("while f:\n    a = 1", {("a", "=", 2)}), ("x = [v for v in b]", {("x", "=", 1)}),
    ("try:\n    a = 1\nexcept E:\n    b = 2", {("a", "=", 2), ("b", "=", 4)}),
    ("for a, b in c: pass", {("a", "part", 1), ("b", "part", 1)}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "names"), BINDINGS)
def test_what_statements_bind(text, names):
    assert bound(text) == names


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("[1]", True), ("()", False), ("[]", False), ("(1, 2)", True), ("[*a]", False), ("range(3)", True), ("range(0)", False),
        ("range(2, 5)", True), ("range(5, 2)", False), ("range(n)", False), ("a", False), ("list(3)", False), ("{1}", False),
    ],
)  # fmt: skip
def test_a_loop_over_a_written_list_is_made(text, filled):
    assert is_filled(expression(text)) is filled


def test_a_cell_for_ipython_and_one_that_is_no_python():
    assert (
        ast.unparse(parse("%matplotlib inline\nx = 1\n  !ls" + "")) == ""
        and ast.unparse(parse("%time\nx = 1")) == "pass\nx = 1"
    )
    assert ast.unparse(parse("if a:\n    !ls\nb = 1")) == "if a:\n    pass\nb = 1"
    assert parse("x = = 1").body == [] and parse("x = '\0'").body == []
    assert (
        called(expression("a.b.c")) == "c"
        and called(expression("a")) == "a"
        and called(expression("1")) == ""
        and called(None) == ""
    )


def test_a_name_is_looked_up_in_the_nearest_cell_that_binds_it():
    told = story("a = 1\nb = 2\nb = 3\n", "for a in c:\n    d = a\nd = 5\nd.append(1)\nif b:\n    e = 1\ne[0] = 2\n", "x = 1\n")
    found = lambda name, at=None: [(b.how, b.at) for b in told.lookup(name, at)]
    assert found("a") == [("loop", (1, 1))] and found("a", (1, 1)) == [("=", (0, 1))] and found("b") == [("=", (0, 3))]
    assert found("b", (0, 3)) == [("=", (0, 2))] and found("d") == [("=", (1, 3)), ("part", (1, 4))] and found("nothing") == []
    assert found("e") == [("=", (1, 6)), ("part", (1, 7))] and told.now == (2, 10**9)
    assert found("d", (1, 3)) == [("=", (1, 2))]


def test_a_function_has_names_of_its_own():
    tree = parse("a = 1\ndef f():\n    a = 2\n    b = a\nc = 3\n")
    inside = Story([tree], line=4, function="f")
    assert inside.inside is not None and [b.at for b in inside.lookup("a")] == [(0, 3)]
    assert [b.at for b in inside.lookup("a", (0, 5))] == [(0, 1)] and inside.lookup("c", (0, 4)) == []
    assert Story([tree], line=5, function="f").inside is None and Story([tree], line=4).inside is None


class Raising:
    @property
    def broken(self):
        raise RuntimeError


def test_the_value_and_the_meaning_of_a_name():
    told = story(
        "pairs = zip\nfrom functools import partial\nmore = partial(zip, [1])\nfrom math import sqrt as root\nother = pairs\n",
        a=Raising(),
        m=math,
    )
    assert told.value(expression("m.pi")) == math.pi and told.value(expression("m.nothing")) is UNKNOWN
    assert (
        told.value(expression("a.broken")) is UNKNOWN
        and told.value(expression("b.c")) is UNKNOWN
        and told.value(expression("1")) is UNKNOWN
    )
    meaning = lambda text: told.meaning(expression(text))
    assert [meaning(t) for t in ("pairs", "other", "more", "root", "m.log", "b", "b.c", "1")] == [
        "zip",
        "zip",
        "zip",
        "sqrt",
        "log",
        "b",
        "c",
        "",
    ]
    assert story("x = 1").value(expression("x")) is UNKNOWN


def test_what_stands_around_a_node():
    tree = parse("for k in (1, 2):\n    if k:\n        f(k)\n")
    told = Story([tree], line=3)
    call = next(n for n in ast.walk(tree) if isinstance(n, ast.Call))
    assert [type(n).__name__ for n in told.chain(call)] == ["Expr", "If", "For"]
    assert told.around(call) and told.around(tree.body[0]) and not told.around(tree) and not Story([tree], line=1).around(call)


@pytest.mark.parametrize(
    ("one", "other", "kin"),
    [
        ("<notebook 3, cell 5>", "<notebook 3, cell 12>", True), ("<notebook 3, cell 5>", "<notebook 4, cell 5>", False),
        ("/tmp/ipykernel_12/3456.py", "/tmp/ipykernel_12/99.py", True),
        ("/tmp/ipykernel_12/3456.py", "/tmp/ipykernel_13/3456.py", False),
        ("<ipython-input-1-abc123>", "<ipython-input-22-0fe>", True), ("<string>", "<stdin>", False),
    ],
)  # fmt: skip
def test_cells_of_one_notebook(one, other, kin):
    assert (_family(one) == _family(other)) is kin


def test_what_stands_behind_a_node():
    told = story("import c\nb = c\na = b + 1\nf = lambda v: v + a\n", "x = f(a)\nwith g() as d:\n    d.line(x, y)\n")
    block = told.tree.body[1]
    inside = {(ast.unparse(n), at[0]) for n, at in told.behind(block) if isinstance(n, (ast.Name, ast.BinOp))}
    assert {("x", 1), ("y", 1), ("d", 1), ("f", 1), ("a", 1), ("b + 1", 0), ("v + a", 0), ("c", 0)} <= inside
    assert ("g", 1) in inside and not any(name == "import c" for name, _ in inside)


# --- flow -----------------------------------------------------------------------------------------------------------------

FLOWS = [  # cells, the condition, names whose values go into it
    (["a = 1"], "a < 2", {"a"}),
    (["a = b + c"], "a < 2", {"a", "b", "c"}),
    (["a = train(b)"], "a < 2", {"a"}),
    (["a = np.mean(b)"], "a < 2", {"a", "b"}),
    (["a = math.sqrt(b)"], "a < 2", {"a", "b"}),
    (["a = abs(b)"], "a < 2", {"a", "b"}),
    (["a = model.fit(b)"], "a < 2", {"a", "model"}),
    (["a = model.mean(b)"], "a < 2", {"a", "model", "b"}),
    (["a = model.loss[b]"], "a < 2", {"a", "model"}),
    (["a = [v + c for v in b if v > d]"], "a[0] < 2", {"a", "b", "c", "d"}),
    (["a = {k: v for k, v in b}"], "a < 2", {"a", "b"}),
    (["f = lambda v: v + c", "a = f(b)"], "a < 2", {"a", "b", "c"}),
    (["f = lambda v, w: v + c", "a = f(b, d)"], "a < 2", {"a", "b", "c"}),
    (["f = lambda v, w: v + c", "a = f(w=b, v=d)"], "a < 2", {"a", "d", "c"}),
    (["def f(v):\n    w = v * c\n    return w", "a = f(b)"], "a < 2", {"a", "b", "c"}),
    (["def f(v):\n    print(b)\n    return c", "a = f(d)"], "a < 2", {"a", "c"}),
    (["for a in b:\n    pass"], "a < 2", {"a", "b"}),
    (["a = 0\nfor v in b:\n    a += v"], "a < 2", {"a", "v", "b"}),
    (["a = []\na.append(b)"], "a < 2", {"a", "b"}),
    (["import a"], "a < 2", {"a"}),
    (["a = highest(b)"], "a < 2", {"a", "b"}),
    (["a = (lambda v: v + c)"], "a(b) < 2", {"b", "c"}),
    (["from math import sqrt", "a = sqrt(b)"], "a < 2", {"a", "b"}),
    (["from shapes import area", "a = area(b)"], "a < 2", {"a"}),
    (["a = b if c else d"], "a < 2", {"a", "b", "c", "d"}),
    (["w = d", "c = w", "def f(v):\n    w = 1\n    return w * c", "a = f(b)"], "a < 2", {"a", "c", "d"}),
    (["a = F.relu(b)"], "a < 2", {"a", "b"}),
    (["a = np.linalg.norm(b)"], "a < 2", {"a", "b"}),
    (["a = npx.norm2(b)"], "a < 2", {"a", "npx"}),
]  # fmt: skip


@pytest.mark.parametrize(("texts", "condition", "names"), FLOWS, ids=[texts[-1] for texts, *_ in FLOWS])
def test_the_values_that_go_into_a_condition(texts, condition, names):
    told = story(*texts, condition)
    inside = {n.id for n, _ in Flow(told).nodes(expression(condition), told.now) if isinstance(n, ast.Name)}
    assert inside - {"v", "w", "k", "f", "sqrt", "area"} == names - {"v"}


def test_what_a_function_takes_from_outside_is_of_the_cells_before_its_call():
    told = story("v = 1\ndef f():\n    w = v\n    return w\n", "a = f()", "v = 2", "a < 3")
    assert {n.value for n, _ in Flow(told).nodes(expression("a"), told.now) if isinstance(n, ast.Constant)} == {1}


def test_a_function_with_one_return():
    one = lambda text: single_return(parse(text).body[0])
    assert ast.unparse(one('def f(v):\n    "What it does."\n    return v + 1')) == "v + 1"
    assert one("def f(v):\n    print(v)\n    return v") is None and one("def f(v):\n    print(v)") is None


def test_functions_of_libraries_of_numbers():
    told = story("from math import sqrt\nfrom shapes import area\n", np=np, random=np.random, torch=torch, str=str)
    found = lambda text: Flow(told).of_module(expression(text))
    assert (
        found("np.mean")
        and found("torch.mean")
        and not found("np.random.normal")
        and not found("str.lower")
        and not found("str")
    )
    assert found("np.linalg.norm") and found("math.log") and not found("model.log") and found("sqrt") and not found("area")


# --- trials ---------------------------------------------------------------------------------------------------------------


def trial(condition: str, *texts: str, expand: bool = False, **values: object) -> Trial:
    return Trial(story(*texts, condition, **values), expression(condition), {}, expand)


OUTCOMES = [  # condition, cells, values, the truth values it can take
    ("a < 2", [], {"a": 1.0}, {True, False}),
    ("abs(a) >= 0", [], {"a": 1.0}, {True}),
    ("a * 0 < 1", [], {"a": 1.0}, {True}),
    ("a ** 2 > -1", [], {"a": 1.0}, {True}),
    ("a < a + 1", [], {"a": 1.0}, {True}),
    ("a[0] < a[1]", [], {"a": [1.0, 2.0]}, {True, False}),
    ("a[0] <= max(a)", [], {"a": [1.0, 2.0]}, {True}),
    ("len(a) >= 0", [], {"a": [1.0]}, {True}),
    ("len(a) == 1", [], {"a": [1.0]}, {True, False}),
    ("math.tanh(a) <= 1", [], {"a": 1.0, "math": math}, {True}),
    ("a.mean() <= a.max()", [], {"a": np.array([1.0, 2.0])}, {True}),
    ("a.mean() < 2", [], {"a": np.array([1.0, 2.0])}, {True, False}),
    ("near(a)", ["near = lambda v: abs(v) >= 0"], {"a": 1.0}, {True}),
    ("near(a)", ["near = lambda v: abs(v) >= 1"], {"a": 1.0}, {True, False}),
    ("near(a, 2)", ["def near(v, w):\n    return v < w"], {"a": 1.0}, {True, False}),
    ("sum(v < 9 for v in a) >= 0", [], {"a": [1.0, 2.0]}, {True}),
    ("sum(v for v in a if v < 9) < 2", [], {"a": [1.0, 2.0]}, {True, False}),
    ("sum([1 for v in a if v < b]) >= 0", [], {"a": [1.0, 2.0], "b": 9.0}, {True}),
    ("sum(v < 9 for v in a) == 2", [], {"a": [1.0, 2.0]}, {True, False}),
    ("w == 'a'", [], {"w": "a"}, {True, False}),
    ("not a < 2", [], {"a": 1.0}, {True, False}),
    ("a < 2 or a >= 2", [], {"a": 1.0}, {True}),
    ("int(a) == 1", [], {"a": 1.0}, {True, False}),
    ("unknown(a) < 2", [], {"a": 1.0}, {True, False}),
    ("model.loss < 2", [], {"a": 1.0}, {True, False}),
    ("[v for v in a][0] < 2", [], {"a": [1.0, 2.0]}, {True, False}),
    ("{k: v for k, v in a.items()}['x'] < 2", [], {"a": {"x": 1.0}}, {True, False}),
]  # fmt: skip


def test_what_a_comprehension_names_stays_and_the_rest_is_moved():
    made = trial("sum(v[0] * v.x for v in a if v[1] < b[1] * v.y) < b[0]", a=[1.0], b=[1.0, 2.0])
    assert ast.unparse(made.tree) == "sum((v[0] * v.x for v in _leaf_0 if v[1] < _leaf_1[1] * v.y)) < _leaf_1[0]"


def test_numbers_out_of_place_are_tried_in_silence():
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        made = trial("np.log(a) < 2", np=np, a=-1.0)
        assert made.outcomes(made.tree) == {True, False} and not made.is_unmoved(made.tree, [lambda v: -v, lambda v: 2 * v])
    assert seen == []


@pytest.mark.parametrize(("condition", "texts", "values", "found"), OUTCOMES, ids=[c for c, *_ in OUTCOMES])
def test_the_truth_values_that_a_condition_can_take(condition, texts, values, found):
    defined = {}
    for text in texts:
        exec(text, defined)
    made = trial(
        condition,
        *texts,
        **{**vars(__import__("builtins")), **{k: v for k, v in defined.items() if k != "__builtins__"}, **values},
    )
    assert made.outcomes(made.tree) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [("a + 1", True), ("a < 2 and not b", True), ("abs(a)", True), ("np.mean(a)", True), ("train(a)", False), ("a[0].b", True),
     ("sum(a, start=1)", False), ("[v for v in a]", False), ("lambda: a", False), ("[a, (b,)]", True), ("a[1:2]", True)],
)  # fmt: skip
def test_what_may_stand_for_its_name(text, found):
    assert _transparent(expression(text)) is found


@pytest.mark.parametrize(
    ("text", "both"),
    [
        ("_leaf_0 < _leaf_1", set()), ("_leaf_0 < 2 * _leaf_0", {"_leaf_0"}), ("_leaf_0[0] < _leaf_0[1]", set()),
        ("_leaf_0[0] < max(_leaf_0)", {"_leaf_0"}), ("_leaf_0[0] < _leaf_0[0] + 1", {"_leaf_0"}), ("a < a", set()),
        ("_leaf_0 < _leaf_1 < _leaf_0", set()), ("max(_leaf_0) < _leaf_0[0]", {"_leaf_0"}),
        ("_leaf_0 < _leaf_0 + _leaf_1", {"_leaf_0"}),
        ("_leaf_0 + _leaf_1 < _leaf_1 * _leaf_2", {"_leaf_1"}), ("_leaf_0[0] < _leaf_0[1] + _leaf_0[0]", {"_leaf_0"}),
    ],
)  # fmt: skip
def test_the_numbers_on_both_sides(text, both):
    assert _on_both(expression(text)) == both


def test_a_condition_that_changes_do_not_move():
    made = trial("a < b", a=1.0, b=2.0)
    times = [lambda v, f=f: v * f for f in (2.0, 1000.0)]
    assert not made.is_unmoved(made.tree, times) and made.is_unmoved(made.tree, [lambda v: v * 1.01])
    assert not made.is_unmoved(made.tree, [lambda v: v / 0])
    assert made.value(made.tree) is True and trial("a / 0 < 1", a=1.0).value(expression("1 / 0")) is UNKNOWN
    assert made.is_constant(expression("2 * 3")) and not made.is_constant(expression("a"))


def test_the_comparisons_of_a_condition_and_what_each_must_be():
    found = [(ast.unparse(a), w) for a, w in trial("a < 1 and not (a > 2 or not a == 3)", a=0.5).atoms()]
    assert [w for _, w in found] == [True, False, True]


# --- what is shown --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (1.0, 1.0, True), (1, 1.0, True), (1.0, 1.0 + 1e-13, True), (1.0, 1.0 + 1e-9, False), (NAN, NAN, True),
        (NAN, 1.0, False),
        ("a", "a", True), ("a", 1.0, False), (None, 1.0, False), (10**400, 1.5, False), (math.inf, math.inf, True),
    ],
)  # fmt: skip
def test_two_numbers_are_the_same_but_for_rounding(one, other, same):
    assert shown._same(one, other) is same


SHOWN = [  # the side of a comparison, what is shown, is it decided by what is shown?
    ("a", {"x": "a"}, True), ("a", {"x": "b"}, False), ("2", {}, True), ("a + b", {"x": "a", "y": "b"}, True),
    ("a + b", {"x": "a"}, False),
    ("1 - a", {"x": "a"}, True), ("a", {"x": "1 - a"}, True), ("a / b", {"x": "a / b"}, True), ("abs(a)", {"x": "a"}, True),
    ("a - b", {"x": "a - b"}, True), ("-a", {"x": "a"}, True), ("highest(c)", {"x": "c[0]", "y": "c[1]"}, True),
    ("c[0]", {"x": "a"}, False),
    ("train(a)", {"x": "a"}, False), ("train(a)", {"x": "train(a)"}, True), ("2 * a", {"x": "a"}, True),
    ("math.sqrt(a)", {"x": "a"}, True),
    ("a * b", {"x": "b"}, False),
]  # fmt: skip


@pytest.mark.parametrize(("side", "given", "found"), SHOWN)
def test_a_side_is_shown_itself_or_by_its_parts(side, given, found):
    values = {"a": 0.3, "b": 7.0, "c": [1.5, 2.5], "abs": abs, "math": math, "highest": max, "train": lambda v: 9.0}
    made = trial(f"{side} < 2", **values)
    numbers = {name: eval(text, dict(values)) for name, text in given.items()}
    assert shown.Shown(made, {n: expression(t) for n, t in given.items()}, numbers).holds(expression(side)) is found


@pytest.mark.parametrize(
    ("value", "found"),
    [([], False), ({}, False), ([0.3], True), ({"a": 0.3}, True), ([0.3] * 8, True), ([0.3] * 9, False), ([0.3, 0.4], False)],
)
def test_a_short_list_is_shown_when_all_its_numbers_are(value, found):
    assert shown.Shown(trial("a < 2", a=0.3), {"x": expression("a")}, {"x": 0.3})._has(value) is found


@pytest.mark.parametrize(
    ("condition", "given", "found"),
    [
        ("a < b", "a / b", True), ("a < b", "b - a", True), ("a < b", "a + b", False), ("a < 2 * b", "a / b", True),
        ("a + 1 < b", "a - b", True),
        ("a < c * b", "a / b", False), ("a < b", "a / c", False),
    ],
)  # fmt: skip
def test_a_difference_or_a_quotient_decides_as_well(condition, given, found):
    made = trial(condition, a=1.0, b=2.0, c=3.0)
    compare = expression(condition)
    margin = shown.Shown(made, {"x": expression(given)}, {"x": eval(given, {"a": 1.0, "b": 2.0, "c": 3.0})})
    assert margin.has_margin(compare.left, compare.comparators[0]) is found


# --- how it looks ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "said"),
    [(3, "3"), (123456, "123456"), (0.123456, "0.1235"), (1234.56, "1235"), (1e-9, "1e-09"), (2.0, "2"), (1e9, "1e+09")],
)
def test_a_number_has_four_digits_and_a_count_all(value, said):
    assert rendering.number(value) == said


def test_what_is_no_formula_waits_for_a_script():
    assert rendering.formula(r"\unknown{x} < 1") == r"\(\unknown{x} &lt; 1\)" and rendering.formula("x").startswith("<math>")
    assert rendering.prose("a < $x$ & b").startswith("a &lt; <math>") and rendering.prose("a < b") == "a &lt; b"


@pytest.mark.parametrize(
    ("text", "encoding", "said"),
    [
        ("✓ a ≤ b", "utf-8", "✓ a ≤ b"),
        ("✓ a ≤ b", "ascii", "+ a <= b"),
        ("∫ – ✗", "ascii", "? - x"),
        ("✓ ü", "latin-1", "+ ü"),
        ("✓ a", "nonsense", "? a"),
    ],
)
def test_a_text_in_the_letters_of_a_terminal(text, encoding, said):
    assert rendering._spelled(text, encoding) == said


def test_four_of_a_kind_are_a_range():
    letters = sp.symbols("u_1:5")
    assert rendering._ranges(list(letters), str) == ["u_1", "...", "u_4"] and rendering._ranges(list(letters[:3]), str) == [
        "u_1",
        "u_2",
        "u_3",
    ]
    assert rendering._ranges([*letters, sp.Symbol("x")], rendering.show_tex) == ["u_{1}", r"\ldots", "u_{4}", "x"]


def test_the_records_of_claims_hold_no_infinity():
    bundle = verdicts.claim_bundle("a", "fails", {"x": math.inf, "y": None, "z": 2}, None, "because")
    assert bundle[verdicts.CLAIM_MIME]["values"] == {"x": None, "y": None, "z": 2}
    assert bundle["text/plain"] == "✗ a\n  fails (because): x = inf, y = nan, z = 2"
    check = verdicts.check_bundle("a", "not checked", {"x": 1.0}, "gpu", "needs the gpu budget")
    assert (
        check["text/plain"] == "– a: not checked (needs the gpu budget), x = 1" and check[verdicts.CHECK_MIME]["needs"] == "gpu"
    )
