"""Two small games for the tests of the loop; as a program, it plays one of them in a process that may be killed, or in a team.

python games.py vae CHECKPOINT STEPS      plays with a checkpoint, and says every step aloud
torchrun games.py team FOLDER             plays all games of `TEAM` in several processes
"""

import random
import signal
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from nbdgm import losses, networks, runtime
from nbdgm.data.batches import Batches
from nbdgm.training import Player, adam, linear_decay, play


def state_of(players):
    return [
        {k: v.clone() for k, v in p.modules.state_dict().items()} | {"average": [a.clone() for a in p.average]} for p in players
    ]


def same(a, b):
    """Whether two nested structures of tensors are equal bit for bit."""
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    return torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b


class Vae:
    """8x8 images; random numbers of torch, numpy and Python, dropout, an average, a schedule and a learned scale."""

    def __init__(self):
        runtime.seed(1)
        self.encoder = nn.Sequential(nn.Flatten(), networks.mlp([64, 32, 8]), nn.Dropout(0.2))
        self.decoder = networks.mlp([4, 32, 64])
        self.log_std = nn.Parameter(torch.zeros(()))
        optimizer, schedule = adam(1e-2), linear_decay(0.5, 0.1)
        self.players = [
            Player(
                self.encoder,
                self.decoder,
                parameters=[self.log_std],
                loss=self.loss,
                optimizer=optimizer,
                ema=0.9,
                name="vae",
                schedule=schedule,
            )
        ]
        images = torch.rand(50, 1, 8, 8, generator=torch.Generator().manual_seed(0))
        self.data = Batches(images, 16, transform=lambda x: torch.bernoulli(x))

    def loss(self, x):
        mean, raw = self.encoder(x).chunk(2, 1)
        std = F.softplus(raw)
        image = self.decoder(losses.reparameterise(mean, std)).view_as(x)
        scale = 1 + 0.01 * (np.random.rand() + random.random())
        parts = losses.negative_elbo(
            losses.gaussian_log_likelihood(image, self.log_std.exp(), x), scale * losses.gaussian_kl(mean, std)
        )
        return parts | {"log_std": self.log_std}


class Gan:
    """28x28 images; batch normalisation, spectral normalisation, two critic turns, momentum-free Adam, an average."""

    def __init__(self):
        runtime.seed(2)
        self.generator, self.critic = networks.dcgan_generator(6, width=2), networks.dcgan_critic(width=2, spectral=True)
        game, sample = losses.non_saturating, lambda n: self.generator(torch.randn(n, 6))
        critic_loss = lambda x: game.critic(self.critic(x), self.critic(sample(len(x)))) + losses.r1(self.critic, x)
        generator_loss = lambda x: game.generator(self.critic(sample(len(x))))
        self.players = [
            Player(self.critic, loss=critic_loss, optimizer=adam(2e-3, (0, 0.99)), turns=2, name="critic"),
            Player(self.generator, loss=generator_loss, optimizer=adam(2e-3, (0, 0.99)), ema=0.95, name="generator"),
        ]
        self.data = Batches(torch.rand(40, 1, 28, 28, generator=torch.Generator().manual_seed(0)) * 2 - 1, 8)


class NoisyVae:
    """A VAE whose noise comes with the batch, so that it does not depend on who draws it."""

    def __init__(self, rank=0):
        runtime.seed(3 + rank)  # processes start apart, and must agree with the first one
        self.encoder, self.decoder = networks.mlp([16, 12, 4]), networks.mlp([2, 12, 16])
        self.players = [Player(self.encoder, self.decoder, loss=self.loss, optimizer=adam(1e-2), ema=0.9)]
        source = torch.Generator().manual_seed(0)
        self.data = Batches((torch.rand(60, 16, generator=source).round(), torch.randn(60, 2, generator=source)), 12)

    def loss(self, batch):
        x, noise = batch
        mean, raw = self.encoder(x).chunk(2, 1)
        std = F.softplus(raw)
        logits = self.decoder(mean + std * noise)
        return losses.negative_elbo(losses.bernoulli_log_likelihood(logits, x), losses.gaussian_kl(mean, std))


class NoisyGan:
    """A GAN with the gradient penalty (double backward), its noise and the penalty's mixing drawn with the batch."""

    def __init__(self, rank=0):
        runtime.seed(4 + rank)
        self.generator, self.critic = networks.mlp([2, 16, 2]), networks.mlp([2, 16, 16, 1], nn.SiLU)
        game = losses.non_saturating
        self.players = [
            Player(self.critic, loss=self.critic_loss, optimizer=adam(1e-2, (0.5, 0.9)), turns=2, name="critic"),
            Player(
                self.generator,
                loss=lambda b: game.generator(self.critic(self.generator(b[1]))),
                name="generator",
                optimizer=adam(1e-2),
            ),
        ]
        source = torch.Generator().manual_seed(0)
        self.data = Batches(
            (torch.randn(60, 2, generator=source), torch.randn(60, 2, generator=source), torch.rand(60, 1, generator=source)),
            12,
        )

    def critic_loss(self, batch):
        x, noise, mix = batch
        fake = self.generator(noise)
        between = torch.lerp(fake.detach().float(), x, mix)
        penalty = (losses.penalties.input_gradients(self.critic, between).norm(dim=1) - 1).square().mean()
        return {"loss": losses.non_saturating.critic(self.critic(x), self.critic(fake)) + 10 * penalty, "penalty": penalty}


class Counting(nn.Module):
    """Batch statistics, and buffers of which no mean makes sense: the sum of what was seen, a count, a mask."""

    def __init__(self):
        super().__init__()
        self.norm, self.layer = nn.BatchNorm1d(1, momentum=1.0), nn.Linear(1, 1)
        self.register_buffer("seen", torch.zeros(()))
        self.register_buffer("count", torch.zeros((), dtype=torch.long))
        self.register_buffer("mask", torch.tensor([0.0, -torch.inf]))

    def forward(self, x):
        self.seen, self.count = self.seen + x.sum(), self.count + int(x.sum())
        return self.layer(self.norm(x))


GAMES = {"vae": Vae, "gan": Gan}
TEAM = {"vae": NoisyVae, "gan": NoisyGan}
TEAM_STEPS = 30


def aloud(step, history):
    print("step", step, flush=True)


def play_team(folder: Path) -> None:
    from accelerate import Accelerator

    accelerator = Accelerator(cpu=True)
    rank = accelerator.process_index
    for name, make in TEAM.items():
        game = make(rank)
        history = play(
            game.players, game.data, TEAM_STEPS, accelerator=accelerator, checkpoint=folder / f"{name}.pt", save_every=10
        )
        torch.save(
            {"state": state_of(game.players), "loss": torch.from_numpy(history[history.keys()[0]])},
            folder / f"{name}.{rank}.out",
        )

    noise = []  # noise that the losses draw themselves: other numbers in each process, the same again after a resumption

    def loss(x):
        noise.append(torch.randn(()))
        return ((model(x) - noise[-1]) ** 2).mean()

    for steps, run in [(4, "broken"), (8, "broken"), (8, "unbroken")]:
        runtime.seed(0)
        model = nn.Linear(3, 1)
        data = Batches(torch.ones(8, 3), 4)
        noise.clear()
        play(Player(model, loss=loss), data, steps, accelerator=accelerator, checkpoint=folder / f"{run}.pt")
        torch.save({"noise": list(noise), "weights": model.weight.detach()}, folder / f"{run}{steps}.{rank}.out")

    def asked(x):  # who answers Ctrl-C while a team plays
        handlers.append(signal.getsignal(signal.SIGINT))
        return model(x).square().mean()

    handlers = []
    play(Player(model, loss=asked), Batches(torch.ones(8, 3), 4), 1, accelerator=accelerator)
    (folder / f"interrupt.{rank}").write_text(str(handlers == [signal.default_int_handler]))
    counting = Counting()
    player = Player(counting, loss=lambda batch: counting(batch["x"]).square().mean())
    data = ({"x": torch.arange(8.0).view(8, 1) + i, "name": "not to be shared", "number": torch.tensor(i)} for i in range(9))
    play(player, data, 1, accelerator=accelerator)
    torch.save(counting.state_dict(), folder / f"buffers.{rank}.out")
    try:
        play(Player(nn.Linear(3, 1), loss=loss), Batches(torch.ones(9, 3), 3), 1, accelerator=accelerator)
    except ValueError as error:
        (folder / f"uneven.{rank}").write_text(str(error))


if __name__ == "__main__":
    torch.set_num_threads(1)
    if sys.argv[1] == "team":
        play_team(Path(sys.argv[2]))
    else:
        game = GAMES[sys.argv[1]]()
        play(game.players, game.data, int(sys.argv[3]), checkpoint=sys.argv[2], save_every=4, callbacks=aloud, every=1)
