"""Speed of the library beside what a reader would otherwise write.

    python benchmarks/run.py [vae] [gan] [import] [--rounds N]

Every round times a short piece of work (about a second at most) of all variants, in an order that turns from round to round. A
ratio is the median, over rounds, of the ratio of two times of one round, so that a machine whose speed drifts favours neither.
"""

import argparse
import itertools
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import nn

import nbdgm
from nbdgm import Player, adam, losses, networks, play
from nbdgm.data.batches import Batches

BATCH = 128


Goal = tuple[str, str, str, float | None]  # slow, fast, comparison, bound: of the ratio slow / fast; None: only to be shown


def compare(title: str, variants: dict[str, Callable[[], float]], goals: list[Goal], rounds: int, pieces: float = 1) -> bool:
    """Time all variants; print the median times `pieces`, and whether the goals are reached."""
    times: dict[str, list[float]] = {name: [] for name in variants}
    names = list(variants)
    for turn in range(rounds + 1):
        for name in names if turn % 2 else reversed(names):
            seconds = variants[name]()
            if turn:  # the first round warms up
                times[name].append(seconds)
        names = names[1:] + names[:1]
    print(f"\n{title} ({rounds} rounds)")
    for name, seconds in times.items():
        print(f"  {name:<58} {statistics.median(seconds) * pieces * 1e3:9.1f} ms")
    reached = True
    for slow, fast, comparison, bound in goals:
        ratios = [a / b for a, b in zip(times[slow], times[fast], strict=True)]
        ratio = statistics.median(ratios)
        low, _, high = statistics.quantiles(ratios, n=4)
        verdict = comparison
        if bound is not None:
            good = ratio >= bound if comparison == ">=" else ratio <= bound
            reached &= good
            verdict = f"goal {comparison} {bound}: {'reached' if good else 'NOT REACHED'}"
        print(f"  {slow} / {fast}: {ratio:.3f} (quartiles {low:.3f} to {high:.3f}), {verdict}")
    return reached


def timed(function: Callable[[], object]) -> Callable[[], float]:
    def run() -> float:
        start = time.perf_counter()
        function()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        return time.perf_counter() - start

    return run


def mnist() -> torch.Tensor:
    """60,000 images, 8 bits: the real ones where they are."""
    images = nbdgm.load("mnist", "train+valid")
    if not images.stand_in:
        return (images.x * 255).round().to(torch.uint8).cpu()
    print("noise of MNIST's size instead: the times are the same")
    return torch.randint(0, 256, (60_000, 1, 28, 28), dtype=torch.uint8)


class Vae(nn.Module):
    """784-400-20, as in countless introductions."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.mean, self.raw = nn.Linear(784, 400), nn.Linear(400, 20), nn.Linear(400, 20)
        self.decoder = networks.mlp([20, 400, 784])

    def loss(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        x = x.flatten(1)
        h = F.relu(self.hidden(x))
        mean, std = self.mean(h), F.softplus(self.raw(h))
        logits = self.decoder(losses.reparameterise(mean, std))
        return losses.negative_elbo(losses.bernoulli_log_likelihood(logits, x), losses.gaussian_kl(mean, std))


def usual_loader(images: torch.Tensor) -> torch.utils.data.DataLoader:
    """What a reader would write: torchvision's MNIST class and its ToTensor, shuffled by a DataLoader."""
    from torchvision import datasets, transforms

    class Mnist(datasets.MNIST):
        def __init__(self) -> None:
            self.data, self.targets = images[:, 0], torch.zeros(len(images), dtype=torch.long)
            self.transform, self.target_transform = transforms.ToTensor(), None

    return torch.utils.data.DataLoader(Mnist(), BATCH, shuffle=True, drop_last=True)


def vae(rounds: int) -> bool:
    device = nbdgm.device()
    images = mnist()
    epoch = len(images) // BATCH
    steps = epoch // 2  # a piece
    resident = images.to(device).float() / 255
    loader = usual_loader(images)

    def make(optimizer: Callable) -> tuple[Vae, torch.optim.Optimizer]:
        model = Vae().to(device)
        return model, optimizer(list(model.parameters()))

    endless = itertools.chain.from_iterable(itertools.repeat(loader))

    def usual(model: Vae, optimizer: torch.optim.Optimizer) -> None:
        total = 0.0
        for x, _ in itertools.islice(endless, steps):
            optimizer.zero_grad()
            loss = model.loss(x.to(device))["loss"]
            loss.backward()
            total += loss.item()
            optimizer.step()

    def bare(model: Vae, optimizer: torch.optim.Optimizer) -> None:
        x = resident[:BATCH]
        for _ in range(steps):
            optimizer.zero_grad()
            model.loss(x)["loss"].backward()
            optimizer.step()

    ours = Vae()
    player, batches = Player(ours, loss=ours.loss, name="vae"), Batches(resident, BATCH)
    variants = {
        "the usual loop": timed(partial(usual, *make(partial(torch.optim.Adam, lr=1e-3)))),  # Adam as it comes
        "play": timed(lambda: play(player, batches, steps)),
        "the bare step": timed(partial(bare, *make(adam(1e-3)))),
    }
    goals: list[Goal] = [("the usual loop", "play", ">=", 2.5), ("play", "the bare step", "<=", 1.05)]
    goals.append(("the usual loop", "the bare step", "what a loop that costs nothing would reach", None))
    title = f"(a) an epoch of a 784-400-20 VAE, {epoch} batches of {BATCH}, in pieces of {steps}"
    return compare(title, variants, goals, rounds, pieces=epoch / steps)


def gan(rounds: int, steps: int = 10) -> bool:
    device, latent, batch = nbdgm.device(), 64, 64
    game = losses.non_saturating
    images = (torch.rand(2_000, 1, 28, 28, device=device) * 2 - 1).contiguous(memory_format=torch.channels_last)

    def make() -> tuple:
        generator, critic = networks.dcgan_generator(latent, width=16), networks.dcgan_critic(width=16)
        generator, critic = (m.to(device, memory_format=torch.channels_last) for m in (generator, critic))
        factory = adam(2e-3, (0, 0.99))
        return generator, critic, factory(list(generator.parameters())), factory(list(critic.parameters()))

    noise = lambda: torch.randn(batch, latent, device=device)

    def usual(generator, critic, g_optimizer, c_optimizer) -> None:
        batches = Batches(images, batch)
        for _ in range(steps):
            x = next(batches)
            c_optimizer.zero_grad()
            fake = generator(noise())
            loss = game.critic(critic(x), critic(fake.detach()))
            loss.backward()
            c_optimizer.step()
            g_optimizer.zero_grad()
            loss = game.generator(critic(generator(noise())))
            loss.backward()  # computes, and throws away, the critic's gradients too
            g_optimizer.step()

    def bare(generator, critic, g_optimizer, c_optimizer) -> None:
        x = images[:batch]
        c_parameters, g_parameters = list(critic.parameters()), list(generator.parameters())
        for _ in range(steps):
            with torch.no_grad():
                fake = generator(noise())
            c_optimizer.zero_grad()
            game.critic(critic(x), critic(fake)).backward(inputs=c_parameters)
            c_optimizer.step()
            g_optimizer.zero_grad()
            game.generator(critic(generator(noise()))).backward(inputs=g_parameters)
            g_optimizer.step()

    generator, critic, _, _ = make()
    sample = lambda n: generator(torch.randn(n, latent, device=device))
    optimizer = adam(2e-3, (0, 0.99))
    players = [
        Player(critic, loss=lambda x: game.critic(critic(x), critic(sample(len(x)))), optimizer=optimizer, name="critic"),
        Player(generator, loss=lambda x: game.generator(critic(sample(len(x)))), optimizer=optimizer, name="generator"),
    ]
    batches = Batches(images, batch)
    variants = {
        "the usual two backwards": timed(partial(usual, *make())),
        "play": timed(lambda: play(players, batches, steps)),
        "the bare step without opponents' gradients": timed(partial(bare, *make())),
    }
    goals = [("play", "the bare step without opponents' gradients", "<=", 1.05), ("the usual two backwards", "play", ">=", 1.0)]
    return compare(f"(b) {steps} rounds of a convolutional GAN, 16 channels, batch {batch}", variants, goals, rounds)


def imports(rounds: int) -> bool:
    def run(code: str) -> Callable[[], float]:
        return timed(lambda: subprocess.run([sys.executable, "-c", code], check=True))

    everything = "from nbdgm import Player, play, adam, History, budget, device, losses, networks"
    variants = {
        "import torch": run("import torch"),
        "import nbdgm": run("import nbdgm"),
        "the names of a chapter": run(everything),
        "an empty program": run(""),
    }
    goals = [("import nbdgm", "import torch", "<=", 1.15), ("the names of a chapter", "import torch", "<=", 1.15)]
    return compare("(c) import, whole processes", variants, goals, rounds)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("which", nargs="*", help="what to time: vae, gan, import (default: all)", metavar="WHICH")
    parser.add_argument("--rounds", type=int, help="how often everything is timed (default: 25, 41, 7)")
    arguments = parser.parse_args()
    defaults = {"vae": (vae, 25), "gan": (gan, 41), "import": (imports, 7)}
    if unknown := set(arguments.which) - defaults.keys():
        parser.error(f"WHICH must be {', '.join(defaults)}, got {', '.join(sorted(unknown))}")
    print(f"torch {torch.__version__}, {nbdgm.device()}, {torch.get_num_threads()} threads")
    results = [run(arguments.rounds or rounds) for run, rounds in (defaults[name] for name in arguments.which or defaults)]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
