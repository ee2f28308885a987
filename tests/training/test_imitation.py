"""The GPU that is imitated on the CPU, against the tables of torch's dispatcher, and what the library does on it."""

import contextlib
import itertools
import os
import subprocess
import sys

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from nbdgm import losses, networks
from nbdgm.comparison import Arena, Contender, Setting
from nbdgm.training import Player, imitation, play
from nbdgm.training.execution import autocast

LISTS = (imitation.TO_SINGLE, imitation.TO_HALF, imitation.TO_WIDEST, imitation.REFUSED)
KERNELS_OF_CUDA = {  # of which others' kernels are made on CUDA devices: their callers are treated
    *("_cudnn_rnn", "cudnn_convolution", "cudnn_convolution_transpose", "_scaled_dot_product_flash_attention"),
    *("_thnn_fused_gru_cell", "_thnn_fused_lstm_cell"),
}


@pytest.fixture(autouse=True)
def imitated(monkeypatch):
    monkeypatch.setenv("NBDGM_IMITATE_GPU", "1")


def asked(program):
    """What a fresh process prints: in this one torch's tables may be changed already."""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=os.environ, check=True)
    return done.stdout.split()


def test_no_operation_that_cuda_treats_is_missing():
    names = [name for names in LISTS for name in names.split()]
    assert len(names) == len(set(names))
    program = "from nbdgm.training.imitation import treated as t; print(*t('AutocastCUDA'), '|', *t('AutocastCPU'))"
    words = asked(program)
    cuda, cpu = set(words[: words.index("|")]), set(words[words.index("|") + 1 :])
    assert len(cuda) > 100 < len(cpu) and "lerp.Tensor" not in cuda and "tanh" not in cuda
    assert set(names) <= cuda
    assert cuda - cpu - set(names) == KERNELS_OF_CUDA


@pytest.mark.parametrize("name", [*imitation.TO_SINGLE.split(), *imitation.TO_HALF.split(), *imitation.TO_WIDEST.split()])
def test_every_listed_operation_exists(name):
    packet, _, overload = name.partition(".")
    assert getattr(getattr(torch.ops.aten, packet), overload or "default")


HALF, SINGLE = torch.bfloat16, torch.float32


@pytest.mark.parametrize(
    "operation,dtype",
    [
        (lambda y, x: y.square(), SINGLE),  # through pow
        (lambda y, x: y**2, SINGLE),
        (lambda y, x: y.exp(), SINGLE),
        (lambda y, x: F.softplus(y), SINGLE),
        (lambda y, x: y.softmax(-1), SINGLE),
        (lambda y, x: y.sum(), SINGLE),
        (lambda y, x: y.norm(dim=1), SINGLE),
        (lambda y, x: F.layer_norm(y, (4,)), SINGLE),
        (lambda y, x: F.cross_entropy(y, torch.arange(4)), SINGLE),
        (lambda y, x: F.binary_cross_entropy_with_logits(y, x.sigmoid()), SINGLE),
        (lambda y, x: torch.cat([y, x]), SINGLE),  # the wider of the two
        (lambda y, x: torch.cat([y, y]), HALF),
        (lambda y, x: torch.stack([y, y]), HALF),
        (lambda y, x: torch.addcmul(y, x, y), SINGLE),
        (lambda y, x: torch.atan2(y, y), HALF),
        (lambda y, x: y / x, SINGLE),
        (lambda y, x: torch.einsum("ij,jk->ik", x, x), HALF),
        (lambda y, x: torch.mv(x, x[0]), HALF),
        (lambda y, x: F.linear(x, x), HALF),
        (lambda y, x: y.tanh(), HALF),
        (lambda y, x: F.pad(y[None], (1, 1), mode="reflect"), HALF),  # which a CPU by itself makes single
        (lambda y, x: F.max_pool3d(y[None, None], 1), HALF),
        (lambda y, x: y.sigmoid(), HALF),
        (lambda y, x: y.mean(), HALF),
        (lambda y, x: F.relu(y), HALF),
        (lambda y, x: x.exp(), SINGLE),
        (lambda y, x: x.double().exp(), torch.float64),  # what is wider stays
    ],
)
def test_operations_have_the_types_of_cuda(operation, dtype):
    x = torch.randn(4, 4, requires_grad=True)
    with autocast("auto", torch.device("cpu"))():
        y = x @ x
        assert y.dtype == HALF
        result = operation(y, x)
    assert result.dtype == dtype
    result.sum().backward()
    assert x.grad.dtype == SINGLE


def test_what_cuda_refuses_is_refused():
    x = torch.rand(4, 4)
    with autocast("auto", torch.device("cpu"))():
        with pytest.raises(RuntimeError, match=r"expected dtype .* for `end`"):
            torch.lerp(x @ x, x, x)
        with pytest.raises(RuntimeError, match="unsafe to autocast"):
            F.binary_cross_entropy(x, x)
    assert F.binary_cross_entropy(x, x) > 0 and torch.equal(torch.lerp(x, x, x), x)  # and outside nothing is


def test_a_cast_made_without_gradients_cuts_none_later():
    layer, x = nn.Linear(4, 4), torch.randn(4, 4)
    with autocast("auto", torch.device("cpu"))():
        assert not torch.is_autocast_cache_enabled()
        with torch.no_grad():
            layer(x)
        layer(x).sum().backward()
    assert layer.weight.grad is not None and layer.weight.grad.any()


def test_who_asks_for_single_precision_has_it(monkeypatch):
    x = torch.randn(4, 4)
    with autocast("float32", torch.device("cpu"))():
        assert (x @ x).dtype == SINGLE
    with autocast("bfloat16", torch.device("cpu"))():
        assert (x @ x).dtype == HALF
    for off in ("0", "", None):
        monkeypatch.setenv("NBDGM_IMITATE_GPU", off) if off is not None else monkeypatch.delenv("NBDGM_IMITATE_GPU")
        with autocast("auto", torch.device("cpu"))():
            assert (x @ x).dtype == SINGLE
    with pytest.raises(ValueError, match="precision must be"):
        autocast("half", torch.device("cpu"))


@pytest.mark.parametrize(("capability", "half"), [((7, 0), False), ((7, 5), False), ((8, 0), True), ((9, 0), True)])
def test_a_gpu_is_given_half_precision_by_itself_where_its_hardware_has_bfloat16(monkeypatch, capability, half):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    device = torch.device("cuda")
    assert (autocast("auto", device) is not contextlib.nullcontext) == half
    assert autocast("float32", device) is contextlib.nullcontext
    assert autocast("bfloat16", device) is not contextlib.nullcontext  # for who insists, at whatever speed


def test_losses_are_computed_in_half_precision_and_trained_in_single():
    net, seen = nn.Linear(3, 3), []

    def loss(x):
        y = net(x)
        seen.append((y.dtype, net.weight.dtype))
        return {"loss": y.square().mean(), "half": y.mean()}

    history = play(
        Player(net, loss=loss, ema=0.9), itertools.repeat(torch.ones(2, 3)), 3, film={"w": lambda: net(torch.ones(1, 3))}
    )
    assert seen == [(HALF, SINGLE)] * 3 and net.weight.grad.dtype == SINGLE
    assert history["loss"][-1] < history["loss"][0] and history.films["w"][0][1].dtype == "float32"


def test_what_was_computed_without_gradients_does_not_cut_later_ones():
    """As it would if casts of weights were kept."""
    net = nn.Linear(3, 3)

    def loss(x):
        with torch.no_grad():
            before = net(x)
        return (net(x) - before - 1).square().mean()

    before = net.weight.detach().clone()
    play(Player(net, loss=loss), itertools.repeat(torch.ones(2, 3)), 1)
    assert not torch.equal(net.weight, before)


@pytest.mark.parametrize("spectral", [False, True])
def test_a_penalty_on_fakes_of_a_generator_in_half_precision(spectral):
    torch.manual_seed(0)
    G, D = networks.dcgan_generator(4, width=2), networks.dcgan_critic(width=2, spectral=spectral)
    kinds = []

    def critic(x):
        fake = G(torch.randn(len(x), 4))
        kinds.append((fake.dtype, x.dtype))
        return losses.wasserstein.critic(D(x), D(fake)) + 10 * losses.gradient_penalty(D, x, fake) + losses.r1(D, x)

    players = [
        Player(D, loss=critic, turns=2),
        Player(G, loss=lambda x: losses.wasserstein.generator(D(G(torch.randn(len(x), 4)))), ema=0.9),
    ]
    history = play(players, itertools.repeat(torch.rand(4, 1, 28, 28) * 2 - 1), 2)
    assert kinds == [(HALF, SINGLE)] * 4 and history.steps == 2
    with players[1].averaged():
        assert G(torch.randn(2, 4)).dtype == SINGLE


def test_an_arena_with_a_penalty():
    """What failed in the chapter on the quadratic potential, at the budget of a GPU."""

    def critic(D, real, fake):
        return D(fake).mean() - D(real).mean() + losses.gradient_penalty(D, real, fake)

    contender = Contender("penalty", critic, lambda D, real, fake: -D(fake).mean())
    networks_of = {"generator": lambda n: networks.Crowd(n, [2, 8, 2]), "critic": lambda n: networks.Crowd(n, [2, 8, 1])}
    normal = lambda size, seed: itertools.repeat(torch.randn(size, 2))
    spread = lambda x, split: {"spread": x.std().item()}
    arena = Arena(**networks_of, data=normal, latent=2, measures=spread, batch=8, samples=16)
    result = arena.run(contender, Setting(1e-3), 3, seeds=(0, 1), looks=1)
    assert not result.failed and result.samples.dtype == SINGLE
