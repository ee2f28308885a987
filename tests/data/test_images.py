import math

import numpy as np
import pytest
import torch

from nbdgm.data import Images, bars_and_stripes


def some(n=6):
    return Images(torch.rand(n, 1, 2, 2), torch.arange(n), "some", factors={"angle": torch.arange(n) * 1.0})


def test_parts_keep_pictures_classes_and_factors_together():
    images = some()
    for part in (
        images.first(3),
        images.shuffled(1),
        images[torch.tensor([4, 0])],
        images[[5]],
        images[2:],
        images[images.y > 3],
    ):
        assert torch.equal(part.x, images.x[part.y])
        assert torch.equal(part.factors["angle"], part.y * 1.0)
    assert images.shuffled(1).y.tolist() == images.shuffled(1).y.tolist() != images.y.tolist()
    assert sorted(images.shuffled(1).y.tolist()) == list(range(6))


def test_batches_with_and_without_labels():
    images = some()
    assert next(images.batches(4)).shape == (4, 1, 2, 2)
    x, y = next(images.batches(4, labels=True))
    assert torch.equal(x, images.x[y])
    with pytest.raises(ValueError, match="labels: bare has no labels"):
        Images(torch.rand(6, 1, 2, 2), None, "bare").batches(2, labels=True)
    with pytest.raises(ValueError, match="size: a batch of 7"):
        images.batches(7)


def test_real_is_the_opposite_of_stand_in():
    assert some().real and not Images(torch.zeros(1, 1, 2, 2), stand_in=True).real


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"x": torch.rand(4, 2, 2)}, r"x: expected float32 of shape \(N, C, H, W\)"),
        ({"x": torch.zeros(4, 1, 2, 2, dtype=torch.uint8)}, "x: expected float32"),
        ({"x": torch.rand(4, 1, 2, 2) * 2 - 1}, r"x: expected values in \[0, 1\]"),
        ({"x": torch.rand(4, 1, 2, 2) * 255}, r"x: expected values in \[0, 1\], got .*; for 0 to 255 divide by 255 first"),
        ({"x": torch.full((1, 1, 1, 1), torch.nan)}, r"x: expected values in \[0, 1\]"),
        ({"x": torch.rand(4, 1, 2, 2).double()}, "x: expected float32 .*, got torch.float64 of shape"),
        ({"x": np.zeros((4, 1, 2, 2))}, "x: expected float32 of shape .*, got float64 of shape"),
        ({"x": [[0.0]]}, "x: expected float32 of shape .*, got list"),
        ({"x": torch.rand(4, 1, 2, 2), "y": [0, 1, 2, 3]}, "y: expected a tensor of 4 values, got list"),
        ({"x": torch.rand(4, 1, 2, 2), "y": torch.tensor(1)}, "y: expected a tensor of 4 values"),
        ({"x": torch.rand(4, 1, 2, 2), "y": torch.rand(4)}, r"y: expected whole numbers of shape \(N,\), got torch.float32"),
        (
            {"x": torch.rand(4, 1, 2, 2), "y": torch.ones(4, dtype=torch.cfloat)},
            r"y: expected whole numbers .* torch.complex64",
        ),
        ({"x": torch.rand(4, 1, 2, 2), "y": torch.ones(4, 2).long()}, r"y: expected whole numbers .* shape \(4, 2\)"),
        ({"x": torch.rand(4, 1, 2, 2), "factors": {"pose": np.zeros(4)}}, "pose: expected a tensor"),
        ({"x": torch.rand(4, 1, 2, 2), "y": torch.arange(3)}, "y: expected 4 values, one per picture, got 3"),
        ({"x": torch.rand(4, 1, 2, 2), "factors": {"pose": torch.arange(3)}}, "pose: expected 4 values"),
    ],
)
def test_bad_pictures_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Images(**arguments)


def test_masks_and_positions_of_every_kind():
    images = some()
    mask = [False, True, False, False, True, False]
    for index in (
        [1, 4],
        mask,
        torch.tensor(mask),
        np.array(mask),
        np.array([1, 4]),
        torch.tensor([1, 4], dtype=torch.uint8),
        range(1, 5, 3),
    ):
        assert images[index].y.tolist() == [1, 4]
    assert images[np.int64(2)].y.tolist() == images[2].y.tolist() == images[-4].y.tolist() == [2]
    assert images[torch.tensor(2)].x.shape == (1, 1, 2, 2)
    assert len(images[[]]) == len(images[range(0)]) == 0
    assert [one.y.item() for one in images] == list(range(6))
    for bad in ((1, 2), torch.eye(6).bool(), [0.5], torch.rand(6), torch.ones(2, dtype=torch.cfloat)):
        with pytest.raises(ValueError, match="index: expected a position, a slice, a mask or a list"):
            images[bad]
    for bad in (6, [True, False]):
        with pytest.raises(IndexError):
            images[bad]


def test_first_refuses_more_than_there_are():
    with pytest.raises(ValueError, match="n: expected 0 to 6"):
        some().first(7)
    assert len(some().first(0)) == 0 and len(some().first(np.int64(6))) == 6
    for bad in (-1, 2.0, True):
        with pytest.raises(ValueError, match="n: expected an integer of at least 0"):
            some().first(bad)


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_bars_and_stripes_are_all_of_them_and_no_others(size):
    images = bars_and_stripes(size)
    found = {tuple(x.flatten().tolist()) for x in images.x}
    assert len(found) == len(images) == 2 ** (size + 1) - 2
    every = torch.tensor([[(code >> bit) & 1 for bit in range(size * size)] for code in range(2 ** (size * size))])
    every = every.view(-1, size, size).float()
    by_definition = (every == every[:, :1]).flatten(1).all(1) | (every == every[:, :, :1]).flatten(1).all(1)
    assert found == {tuple(x.flatten().tolist()) for x in every[by_definition]}
    for x, y in zip(images.x[:, 0], images.y, strict=True):
        assert (x == x[:1]).all() if y == 0 else (x == x[:, :1]).all()


def test_bars_and_stripes_refuse_what_cannot_be_enumerated():
    assert math.isclose(math.log(len(bars_and_stripes(4))), math.log(30))
    for bad in (11, 0, 4.0):
        with pytest.raises(ValueError, match="size"):
            bars_and_stripes(bad)


def test_a_set_of_pictures_says_what_it_is():
    assert repr(some()) == "<some: 6 pictures 1x2x2>"
    assert repr(Images(torch.zeros(1200, 3, 4, 5), stand_in=True)) == "<images: 1,200 pictures 3x4x5, a stand-in>"
    assert len(Images(torch.zeros(0, 1, 2, 2), torch.zeros(0).long())) == 0


def test_bars_come_first_and_the_largest_set_has_two_thousand():
    images = bars_and_stripes(10)
    assert len(images) == 2046 and images.x.shape == (2046, 1, 10, 10) and images.y.tolist() == [0] * 1024 + [1] * 1022
    assert images.name == "bars and stripes" and images.x[0].sum() == 0 and images.x[1023].sum() == 100
    assert images.x[1, 0, :, 0].tolist() == [1.0] * 10 and images.x[1024, 0, 0].tolist() == [1.0] * 10


def test_what_a_copy_of_the_set_keeps():
    images = Images(torch.rand(3, 1, 2, 2), torch.arange(3), "kept", stand_in=True, factors={"angle": torch.arange(3) * 1.0})
    for other in (images.to("cpu"), images[:2], images.shuffled(), images.first(1)):
        assert other.name == "kept" and other.stand_in and set(other.factors) == {"angle"}
