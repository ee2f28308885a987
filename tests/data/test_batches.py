import collections

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from nbdgm.data import Batches, binarize, compose, flip, from_signed, to_signed


@given(n=st.integers(1, 60), size=st.integers(1, 60), epochs=st.integers(1, 4), seed=st.integers(0, 1000))
def test_every_epoch_visits_every_example_once(n, size, epochs, seed):
    size = min(size, n)
    batches = Batches(torch.arange(n), size, seed=seed)
    stream = torch.cat([next(batches) for _ in range(-(-n * epochs // size))])
    for epoch in stream[: n * epochs].view(epochs, n):
        assert epoch.sort().values.tolist() == list(range(n))


@given(n=st.integers(2, 40), size=st.integers(1, 40), before=st.integers(0, 30))
def test_a_stream_continues_exactly_where_its_state_was_taken(n, size, before):
    size = min(size, n)
    make = lambda seed: Batches(torch.arange(n).float().view(n, 1) / n, size, seed=seed, transform=binarize)
    batches = make(3)
    for _ in range(before):
        next(batches)
    state = batches.state_dict()
    expected = [next(batches) for _ in range(12)]
    other = make(99)
    other.load_state_dict(state)
    assert all(torch.equal(a, next(other)) for a in expected)


def test_a_state_survives_a_safe_file(tmp_path):
    batches = Batches(torch.arange(10), 3)
    next(batches)
    torch.save(batches.state_dict(), tmp_path / "state.pt")
    other = Batches(torch.arange(10), 3, seed=5)
    other.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    assert torch.equal(next(batches), next(other))


def test_a_state_of_other_batches_is_refused():
    state = Batches(torch.arange(10), 3).state_dict()
    with pytest.raises(ValueError, match="saved with size = 3, but these batches have size = 4"):
        Batches(torch.arange(10), 4).load_state_dict(state)
    with pytest.raises(ValueError, match="examples = 10"):
        Batches(torch.arange(11), 3).load_state_dict(state)


def test_the_order_depends_on_the_seed_and_on_nothing_else():
    torch.manual_seed(0)
    a = Batches(torch.arange(100), 10, seed=1)
    torch.manual_seed(1)
    b, c = Batches(torch.arange(100), 10, seed=1), Batches(torch.arange(100), 10, seed=2)
    first = [next(a) for _ in range(20)]
    before = torch.get_rng_state()
    assert all(torch.equal(x, next(b)) for x in first)
    assert torch.equal(before, torch.get_rng_state())
    assert not torch.equal(first[0], next(c))
    assert not torch.equal(torch.cat(first[:10]), torch.cat(first[10:]))  # the second epoch has its own order


def test_tensors_of_a_tuple_stay_together_and_only_the_first_is_transformed():
    x, y = torch.arange(30.0), torch.arange(30)
    for _, (a, b) in zip(range(7), Batches((x, y), 8, transform=lambda t: t * 2), strict=False):
        assert a.shape == b.shape == (8,)
        assert torch.equal(a, 2.0 * b)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((torch.arange(5), 6), "size: a batch of 6 is larger than the data set, which has 5"),
        ((torch.arange(5), 0), "size: expected an integer of at least 1"),
        ((torch.arange(5), 2.0), "size: expected an integer"),
        (((torch.arange(5), torch.arange(6)), 2), "tensors: all must have the same length"),
        (((), 2), "tensors: expected"),
        (((torch.arange(5), [0] * 5), 2), "tensors: expected"),
        (((torch.arange(5), torch.tensor(1)), 2), "tensors: expected"),
        ((torch.tensor(1.0), 1), "tensors: expected"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        Batches(*arguments)


@given(st.floats(0, 1), st.integers(0, 100))
def test_binarize_draws_zeros_and_ones_with_the_right_mean(p, seed):
    x = torch.full((4000,), p)
    drawn = binarize(x, torch.Generator().manual_seed(seed))
    assert set(drawn.unique().tolist()) <= {0.0, 1.0}
    ones, probability = int(drawn.double().sum()), x[0].double().item()
    assert binomtest(ones, 4000, probability).pvalue > 5.7e-7  # five standard deviations, also where ones are rare
    assert binarize(torch.zeros(100)).sum() == 0 and binarize(torch.ones(100)).sum() == 100


def test_a_batch_is_binarized_anew_each_time_from_the_stream_s_own_numbers():
    x = torch.full((4, 1, 8, 8), 0.5)
    batches = Batches(x, 4, transform=compose(binarize, to_signed))
    before = torch.get_rng_state()
    a, b = next(batches), next(batches)
    assert torch.equal(before, torch.get_rng_state())
    assert not torch.equal(a, b)
    assert set(a.unique().tolist()) == {-1.0, 1.0}


def test_signed_pictures_come_back():
    x = torch.rand(3, 1, 4, 4)
    assert to_signed(x).min() < 0
    torch.testing.assert_close(from_signed(to_signed(x)), x)
    assert from_signed(torch.tensor([-3.0, 3.0])).tolist() == [0.0, 1.0]


def test_flip_mirrors_about_half_of_the_pictures():
    x = torch.rand(400, 1, 2, 3)
    flipped = flip(x, torch.Generator().manual_seed(0))
    same = (flipped == x).flatten(1).all(1)
    mirrored = (flipped == x.flip(-1)).flatten(1).all(1)
    assert (same ^ mirrored).all()
    assert 150 < mirrored.sum() < 250


@pytest.mark.parametrize("change", [binarize, to_signed])
def test_what_is_no_picture_in_the_unit_interval_is_refused(change):
    for bad in (torch.tensor([0, 100, 255], dtype=torch.uint8), torch.tensor([0, 1]), torch.tensor([True]), [0.5], np.zeros(3)):
        with pytest.raises(ValueError, match=r"x: expected a floating-point tensor with values in \[0, 1\]"):
            change(bad)
    for bad in (torch.arange(256.0), torch.tensor([0.5, torch.nan]), torch.tensor([-0.5]), torch.tensor([torch.inf])):
        with pytest.raises(ValueError, match=r"x: expected values in \[0, 1\]"):
            change(bad)
    assert change(torch.ones(0)).shape == (0,)
    assert torch.equal(torch.vmap(change, randomness="different")(torch.ones(3, 2)), torch.ones(3, 2))


def test_slight_overshoot_may_be_signed_but_is_no_probability():
    torch.testing.assert_close(to_signed(torch.tensor([-0.02, 1.02])), torch.tensor([-1.04, 1.04]))
    with pytest.raises(ValueError, match="x: expected"):
        to_signed(torch.tensor([1.03]))
    with pytest.raises(ValueError, match="x: expected"):
        binarize(torch.tensor([1.001]))


def test_bytes_are_not_taken_for_signed_pictures():
    for bad in (torch.tensor([0, 255], dtype=torch.uint8), torch.tensor([-1, 1]), [0.5], np.zeros(2)):
        with pytest.raises(ValueError, match=r"x: expected a floating-point tensor with values in \[-1, 1\]"):
            from_signed(bad)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_other_precisions_keep_their_type_and_the_right_mean(dtype):
    p = 0.001953125  # a power of 2: exact in every type; numbers drawn in bfloat16 would be 0, and below it, 2 times too often
    drawn = binarize(torch.full((400_000,), p, dtype=dtype), torch.Generator().manual_seed(0))
    assert drawn.dtype == dtype and abs(drawn.double().mean().item() - p) < 5 * (p / 400_000) ** 0.5
    x = torch.tensor([0.0, 0.5, 1.0], dtype=dtype)
    assert to_signed(x).dtype == from_signed(to_signed(x)).dtype == dtype
    assert from_signed(to_signed(x)).tolist() == x.tolist()


def test_numpy_s_whole_numbers_are_sizes_and_can_be_saved_safely(tmp_path):
    batches = Batches(torch.arange(10), np.int64(4), seed=np.int64(3))
    assert torch.equal(next(batches), next(Batches(torch.arange(10), 4, seed=3)))
    torch.save(batches.state_dict(), tmp_path / "state.pt")
    Batches(torch.arange(10), 4).load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))


def test_a_pair_with_names_is_a_pair():
    Pair = collections.namedtuple("Pair", "x y")
    x, y = next(Batches(Pair(torch.arange(5), torch.arange(5) * 2), 3))
    assert torch.equal(2 * x, y)
    assert torch.equal(next(Batches([torch.arange(5)], 5, seed=1))[0], next(Batches(torch.arange(5), 5, seed=1)))


def test_tensors_on_two_devices_are_refused():
    with pytest.raises(ValueError, match="tensors: all must lie on the same device, got cpu, meta"):
        Batches((torch.arange(5), torch.arange(5, device="meta")), 2)


def test_epochs_are_counted():
    batches = Batches(torch.arange(10), 4)
    assert batches.steps_per_epoch == 3
    seen = []
    for _ in range(8):
        next(batches)
        seen.append(batches.epoch)
    assert seen == [0, 0, 1, 1, 2, 2, 2, 3]  # 4, 8, 12, 16, 20, 24, 28, 32 of 10 each


def test_the_order_and_the_noise_come_from_neighbouring_seeds():
    """What a stream draws is said by its seed, today as when the numbers in a chapter were measured."""
    batches = Batches(torch.full((6, 4), 0.5), 4, seed=3, transform=binarize)
    order = torch.randperm(6, generator=torch.Generator().manual_seed(3))
    noise = torch.rand(4, 4, generator=torch.Generator().manual_seed(4))
    assert torch.equal(next(batches), (noise < 0.5).float())
    assert torch.equal(next(Batches(torch.arange(6), 4, seed=3)), order[:4])


def test_where_a_stream_stands_is_said_in_plain_numbers():
    batches = Batches(torch.arange(10), 4)
    stands = lambda: [batches.state_dict()[name] for name in ("size", "examples", "epoch", "position")]
    assert stands() == [4, 10, 0, 0] and batches.epoch == 0 and batches.device.type == "cpu"
    seen = []
    for _ in range(5):
        next(batches)
        seen.append(stands()[2:])
    assert seen == [[0, 4], [0, 8], [1, 2], [1, 6], [2, 0]]
    assert iter(batches) is batches


def test_transforms_are_called_in_their_order_with_what_they_ask_for():
    asked = []

    def first(x, generator=None):
        asked.append(generator)
        return x + 1

    made = compose(first, lambda x: x * 10, first)
    stream = torch.Generator()
    assert made(torch.zeros(2), generator=stream).tolist() == [11.0, 11.0] and asked == [stream, stream]
    assert compose()(torch.ones(1)).tolist() == [1.0]
    assert next(Batches(torch.ones(2), 2, transform=torch.neg)).tolist() == [-1.0, -1.0]  # written in C
