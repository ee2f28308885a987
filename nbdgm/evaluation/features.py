"""A small classifier of our own data, whose last hidden layer serves as features. Trained once, then kept in the user's
cache.
"""

import contextlib
import hashlib
import io
import os
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nbdgm.border import floats, remedy

FEATURES = 64


class FeatureNet(nn.Module):
    """Two convolutions, a hidden layer of 64 features, and a linear classifier for each thing known about the pictures.

    `accuracy` is that of `classify` on the test pictures, `classes` the number of classes, `name` the data it was trained on.
    """

    def __init__(self, shape: tuple[int, int, int], targets: dict[str, int], name: str = "images") -> None:
        super().__init__()
        channels, height, width = shape
        self.shape, self.targets, self.name = tuple(shape), dict(targets), name
        self.classes = next(iter(targets.values()))
        self.accuracy = float("nan")
        self.num_features = FEATURES
        self.body = nn.Sequential(
            nn.Conv2d(channels, 32, 4, 2, 1),
            nn.ReLU(),
            nn.Conv2d(32, 64, 4, 2, 1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(64 * (height // 4) * (width // 4), FEATURES),
            nn.ReLU(),
        )
        self.heads = nn.ModuleDict({target: nn.Linear(FEATURES, n) for target, n in targets.items()})
        self.float()  # whatever torch's default type

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Logits (B, classes) for each target, from pictures (B, C, H, W) in [0, 1]."""
        hidden = self.body(x)
        return {target: head(hidden) for target, head in self.heads.items()}

    @torch.no_grad()
    def features(self, x: Any) -> Tensor:
        """(N, 64) from pictures (N, C, H, W) in [0, 1], a thousand at a time; in float32, under `autocast` too."""
        x = self._checked(x)
        device = next(self.parameters()).device
        with torch.autocast(device.type, enabled=False):
            return torch.cat([self.body(part.to(device)) for part in x.split(1000)])

    @torch.no_grad()
    def classify(self, x: Any, target: str | None = None) -> Tensor:
        """The most probable class (N,) of each picture; for drawn pictures of any `target` in `.targets`, by default the
        first.
        """
        target = target or next(iter(self.targets))
        if target not in self.targets:
            raise ValueError(f"target: expected one of {', '.join(self.targets)}, got {target!r}")
        features = self.features(x)
        with torch.autocast(features.device.type, enabled=False):
            return self.heads[target](features).argmax(1)

    def _checked(self, x: Any) -> Tensor:
        x = as_images(x, "x")
        if tuple(x.shape[1:]) != self.shape:
            raise ValueError(f"x: the network knows pictures of shape {self.shape}, got {tuple(x.shape[1:])}")
        return x


def as_images(images: Any, name: str) -> Tensor:
    """`images` (a tensor, an array, or anything with `.x`) as float32, once its shape (N, C, H, W) and its range are checked:
    values may leave [0, 1] by 0.02.

    Raises:
        ValueError: naming the argument, for another shape, for bytes, for values outside or NaN.
    """
    x = getattr(images, "x", images)
    if getattr(x, "ndim", None) != 4 or 0 in x.shape:
        raise ValueError(
            f"{name}: expected pictures of shape (N, C, H, W), got {tuple(getattr(x, 'shape', ())) or type(x).__name__}"
        )
    if str(x.dtype).removeprefix("torch.") == "uint8":  # bytes of 0 and 1 would pass for white where black is meant
        raise ValueError(f"{name}: expected floating-point values in [0, 1], got bytes; divide by 255 first")
    x = floats(name, x).detach().float()
    low, high = (v.item() for v in torch.aminmax(x))
    if not (low >= -0.02 and high <= 1.02):
        raise ValueError(f"{name}: expected values in [0, 1], got {low:.3g} to {high:.3g}{remedy(low, high)}")
    return x


def feature_network(name: str = "mnist", *, verbose: bool = True) -> FeatureNet:
    """The feature network for the data called `name`, from the cache, or trained now (about 40 s at the CPU budget) and kept.

    The cache's file is keyed by the data, by this module's code and by the budget. It is written atomically, and read
    without executing anything (`weights_only`); one that cannot be read is trained again. Training leaves the global random
    state as it was, and is the same whatever `NBDGM_SEED`: all replications are measured with one ruler.

    Raises:
        ValueError: for data without classes, or an unknown name.
    """
    from nbdgm.data import load
    from nbdgm.data.load import cache_folder
    from nbdgm.runtime import budget_name, device, separate_rng, unshifted

    with contextlib.redirect_stdout(io.StringIO()):  # that a stand-in is used was said when the caller loaded it
        test = load(name, "test")
    targets = _targets(test)
    if not targets:
        raise ValueError(f"name: {name} has no classes to learn; use the network of a data set that has")
    with torch.inference_mode(False), unshifted(), separate_rng(0):
        network = FeatureNet(test.x.shape[1:], {t: int(v.max()) + 1 for t, v in targets.items()}, name).to(device())
    key = hashlib.sha256(Path(__file__).read_bytes() + test.x[:200].cpu().numpy().tobytes()).hexdigest()[:12]
    path = cache_folder() / "features" / f"{name}-{budget_name()}-{key}.pt"
    kept = _read(path, network)
    if kept is not None:
        network.load_state_dict(kept["weights"])
        network.accuracy = float(kept["accuracy"])
    else:
        if verbose:
            print(f"Training the feature network for {name} (once; it is kept in the cache) ...")
        _train(network, name)
        network.accuracy = (network.classify(test) == next(iter(targets.values()))).float().mean().item()
        _write(path, network)
    return network.eval().requires_grad_(False)


def _targets(images: Any) -> dict[str, Tensor]:
    """What is to be learnt: the classes; for drawn pictures every factor that is a choice, the classes' own first."""
    if images.y is None:
        return {}
    choices = {k: v for k, v in images.factors.items() if not v.is_floating_point()}
    return choices or {"class": images.y}


def _train(network: FeatureNet, name: str) -> None:
    from nbdgm.data import Batches, load
    from nbdgm.runtime import budget, separate_rng, unshifted
    from nbdgm.training import Player, adam, linear_decay, play

    def loss(batch: tuple[Tensor, ...]) -> Tensor:
        x, *classes = batch
        return sum(F.cross_entropy(logits, y) for logits, y in zip(network(x).values(), classes, strict=True))

    with contextlib.redirect_stdout(io.StringIO()):
        train = load(name, "train")
    apart = torch.autocast(train.x.device.type, enabled=False)  # what the caller's contexts are must not show
    with torch.inference_mode(False), torch.enable_grad(), apart, unshifted(), separate_rng(0):
        player = Player(network, loss=loss, optimizer=adam(2e-3), schedule=linear_decay(), name="features")
        data = Batches((train.x, *_targets(train).values()), min(64, len(train)))
        play([player], data, budget(smoke=100, cpu=2500, gpu=8000), progress=False)


def _read(path: Path, network: FeatureNet) -> dict[str, Any] | None:
    """What the cache holds for `network`, which is left as it is; None if there is nothing that fits it."""
    try:
        saved = torch.load(path, weights_only=True, map_location=next(network.parameters()).device)
        form = lambda state: {name: (value.shape, value.dtype) for name, value in state.items()}
        fits = form(saved["weights"]) == form(network.state_dict()) and 0 <= float(saved["accuracy"]) <= 1
    except Exception:  # absent, truncated or foreign: each has an error of its own, and training again cures them all
        return None
    return saved if fits else None


def _write(path: Path, network: FeatureNet) -> None:
    """Put `network` into the cache, whole or not at all; without room for it the next run trains again."""
    unfinished = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(unfinished, "wb") as file:
            torch.save({"weights": network.state_dict(), "accuracy": network.accuracy}, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    except (OSError, RuntimeError) as error:  # torch has errors of its own for a disk that is full
        print(f"The feature network is not kept: {error}")
    finally:
        with contextlib.suppress(OSError):  # it was renamed, or its folder cannot be written to
            unfinished.unlink()
