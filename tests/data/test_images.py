import math

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
        ({"x": torch.full((1, 1, 1, 1), torch.nan)}, r"x: expected values in \[0, 1\]"),
        ({"x": torch.rand(4, 1, 2, 2), "y": torch.arange(3)}, "y: expected 4 values, one per picture, got 3"),
        ({"x": torch.rand(4, 1, 2, 2), "factors": {"pose": torch.arange(3)}}, "pose: expected 4 values"),
    ],
)
def test_bad_pictures_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Images(**arguments)


def test_first_refuses_more_than_there_are():
    with pytest.raises(ValueError, match="n: expected 0 to 6"):
        some().first(7)


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
    with pytest.raises(ValueError, match="size"):
        bars_and_stripes(11)
