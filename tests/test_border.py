import numpy as np
import pytest
import torch

from nbdgm.border import array, floats, positive, remedy, unit_interval, whole


def test_whole_numbers_of_every_kind_become_python_s():
    for value in (3, np.int64(3), np.uint8(3)):
        assert whole("n", value) == 3 and type(whole("n", value)) is int
    assert whole("n", 0, least=0) == 0
    for value in (0, -1, np.int64(0), True, np.bool_(True), 2.0, np.float64(2), "3", None, torch.tensor(3)):
        with pytest.raises(ValueError, match="n: expected an integer of at least 1, got"):
            whole("n", value)


def test_numbers_of_every_kind_become_float32_and_float64_stays():
    for x in ([1, 2], (1.0, 2.0), np.array([1, 2]), torch.tensor([1, 2]), torch.tensor([1, 2], dtype=torch.uint8)):
        assert floats("x", x).dtype == torch.float32 and floats("x", x).tolist() == [1, 2]
    for dtype in (torch.bfloat16, torch.float16, torch.bool):
        assert floats("x", torch.ones(2).to(dtype)).dtype == torch.float32
    assert floats("x", np.ones(2)).dtype == floats("x", torch.ones(2).double()).dtype == torch.float64
    assert floats("x", 3).shape == ()
    x = torch.ones(2, requires_grad=True)
    assert floats("x", x) is x
    for bad in ("text", ["a"], None, [[1], [1, 2]], np.array(["a"]), {"a": 1}, torch.ones(2, dtype=torch.complex64)):
        with pytest.raises(ValueError, match="x: expected"):
            floats("x", bad)


def test_arrays_of_every_kind():
    for x in (
        torch.ones(2),
        torch.ones(2).bfloat16(),
        torch.ones(2, requires_grad=True),
        np.ones(2, np.float16),
        [torch.ones(())] * 2,
    ):
        assert array("x", x).dtype == np.float32 and array("x", x).tolist() == [1, 1]
    for x in (torch.ones(2).double(), [1e39, 1], np.ones(2, np.int64), [torch.ones((), dtype=torch.float64)] * 2):
        assert array("x", x).dtype == np.float64
    assert array("x", [1e39])[0] == 1e39
    assert array("x", [torch.ones(3, requires_grad=True), np.zeros(3)]).shape == (2, 3)
    for bad in (
        "text",
        ["a"],
        None,
        [[1], [1, 2]],
        [torch.ones(2), torch.ones(3)],
        np.ones(2, complex),
        torch.ones(1, dtype=torch.cfloat),
    ):
        with pytest.raises(ValueError, match="x: expected"):
            array("x", bad)


def test_positive_numbers_one_for_all_or_one_each():
    assert positive("std", 2, 3).tolist() == positive("std", torch.tensor([2.0]), 3).tolist() == [2, 2, 2]
    assert positive("std", np.array([1, 2, 3]), 3).dtype == torch.float32
    assert positive("std", [1, 2], 2).tolist() == [1, 2]
    for bad in (0, -1.0, float("nan"), float("inf"), 1e-50, [1, 2], [[1], [2], [3]], [[1]], [1, 0, 1]):
        with pytest.raises(ValueError, match="std: expected positive numbers, one or 3, got"):
            positive("std", bad, 3)
    for bad in (1.0, [1.0], [1, 2]):
        with pytest.raises(ValueError, match="weights: expected 3 positive numbers, got"):
            positive("weights", bad, 3, one=False)


def test_the_unit_interval():
    x = torch.tensor([0.0, 0.5, 1.0])
    assert unit_interval("x", x) is x and unit_interval("x", x[:0]).shape == (0,)
    assert unit_interval("x", x * 1.04 - 0.02, slack=0.02) is not None
    for bad, message in (
        (x * 1.01, r"got 0 to 1.01; for 0 to 255 divide by 255 first"),
        (x - 0.01, r"got -0.01 to 0.99; for \[-1, 1\] use data.from_signed first"),
        (x * 255, r"got 0 to 255; for 0 to 255 divide"),
        (x * 300, "got 0 to 300$"),
        (x * 6 - 3, "got -3 to 3$"),
        (x * torch.nan, "got nan to nan$"),
        (torch.tensor([0.5, torch.nan]), "expected values in"),
        (torch.tensor([0, 1]), r"expected a floating-point tensor .*, got torch.int64; bytes become x.float\(\) / 255"),
        (np.zeros(3), "expected a floating-point tensor .*, got ndarray"),
    ):
        with pytest.raises(ValueError, match=f"x: .*{message}"):
            unit_interval("x", bad)
    with pytest.raises(ValueError, match=r"got -0\.03 to 0\.97"):
        unit_interval("x", x - 0.03, slack=0.02)
    assert torch.vmap(lambda row: unit_interval("x", row) * 2)(x[:, None]).shape == (3, 1)


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (-1.02, 1.02, "from_signed"), (-1.03, 1.0, ""), (-1.0, 1.03, ""), (-0.01, 0.5, "from_signed"), (-1.4, 1.4, ""),
        (0.0, 255.0, "by 255"), (0.0, 255.5, ""), (0.0, 1.0, ""), (0.0, 1.01, "by 255"), (5.0, 200.0, "by 255"),
        (-0.5, 2.0, ""),
        (-2.0, 200.0, ""), (0.0, 0.5, ""),
    ],
)  # fmt: skip
def test_what_to_do_with_pictures_of_another_range(low, high, said):
    assert (said in remedy(low, high)) if said else remedy(low, high) == ""
