"""Run a chapter again as it was stored, and keep the weights that its live figure needs.

    python tools/live_weights.py vae/5             run the chapter, compare its outputs with the stored ones, write the weights

It prints what rounding the weights to eight bits costs: the bound of the chapter's test pictures with and without.

A chapter's training is not repeated by a live figure, and its weights are not part of its outputs. So all its cells run once
more, at the budget of the stored outputs, in a fresh kernel. Only if every output is the stored one, letter for letter and bit
for bit, are these the weights behind the page, and they are written, with the hash of the code that made them
(`chapters.rest_hash`: cells that prove nothing). Other processors and other versions of PyTorch round differently: there
it says which cells differ and writes nothing.

The file: one line of JSON (hash, sizes, the class of each picture, the log-odds of dark pixels), then its arrays one after
the other, little-endian. For every layer, encoder first: weights as signed bytes, one row for each output; scales, one float32
for each output; biases, float32. A weight is its byte times the scale of its row. Then pixels (uint16): the places, out of 784,
which some training picture lights. The encoder reads these and the decoder draws these; the others have one chance for all.
Then pictures: ten binary test pictures, one of each class, a bit for each of 784 pixels, the first highest. `Codes.read` is the
reader.
"""

import argparse
import copy
import itertools
import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

sys.path.insert(0, str(Path(__file__).resolve().parent))
from chapters import ROOT, read, rest_hash
from execute import WEIGHTS, CellFailed, normalise, run_cells, select, surroundings

PIXELS = 784
FLOOR = 1e-4  # of the chapter's `posterior`, under deviations

# What the chapter's kernel is asked for at its end; TARGET is a path.
PLANE = """
import torch
def of(network):
    return [(m.weight.detach().cpu(), m.bias.detach().cpu()) for m in network.modules() if isinstance(m, torch.nn.Linear)]
first = [int((test.y[: len(unseen)] == digit).nonzero()[0]) for digit in range(10)]
torch.save({
    "encoder": of(plane[0]), "decoder": of(plane[1]), "lit": (train.x.flatten(1) > 0).any(0).cpu(),
    "pictures": unseen[first].flatten(1).bool().cpu(), "test": unseen.flatten(1).bool().cpu(),
}, TARGET)
"""
EXPORTS = {"book/vae/5_variational_autoencoders": ("codes.bin", PLANE)}


@dataclass
class Codes:
    """A variational auto-encoder with two numbers for a code: layers as (weights, biases), in float64."""

    encoder: list[tuple[torch.Tensor, torch.Tensor]]
    decoder: list[tuple[torch.Tensor, torch.Tensor]]

    @staticmethod
    def through(layers, x: torch.Tensor) -> torch.Tensor:
        """A network with SiLU between its layers: (B, in) to (B, out)."""
        for index, (weight, bias) in enumerate(layers):
            x = F.linear(F.silu(x) if index else x, weight, bias)
        return x

    def posterior(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and deviation of q(z|x), (B, 2) each, of pictures (B, 784)."""
        mean, raw = self.through(self.encoder, x).chunk(2, -1)
        return mean, F.softplus(raw) + FLOOR

    def reconstruction(self, z: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """-log p(x|z) in nats: (B,)."""
        odds = self.through(self.decoder, z)
        return F.binary_cross_entropy_with_logits(odds, x.expand_as(odds), reduction="none").sum(-1)

    @staticmethod
    def price(mean: torch.Tensor, std: torch.Tensor) -> torch.Tensor:
        """The divergence of q(z|x) from the prior in nats: (B,)."""
        return ((std**2 + mean**2 - 1) / 2 - std.log()).sum(-1)

    @classmethod
    def read(cls, path: Path) -> tuple["Codes", dict, torch.Tensor]:
        """The stored model, the first line of its file, and its ten pictures (10, 784)."""
        line, _, body = Path(path).read_bytes().partition(b"\n")
        head, at = json.loads(line), 0

        def take(kind: str, count: int) -> np.ndarray:
            nonlocal at
            found = np.frombuffer(body, kind, count, at)
            at += found.nbytes
            return found

        networks = []
        for sizes in (head["encoder"], head["decoder"]):
            layers = []
            for inputs, outputs in itertools.pairwise(sizes):
                weight = take("<i1", inputs * outputs).reshape(outputs, inputs).astype("f8")
                weight = weight * take("<f4", outputs).astype("f8")[:, None]
                layers.append((torch.tensor(weight), torch.tensor(take("<f4", outputs).astype("f8"))))
            networks.append(layers)
        pixels = torch.tensor(take("<u2", head["encoder"][0]).astype("i8"))
        pictures = np.unpackbits(take("<u1", PIXELS * len(head["classes"]) // 8)).reshape(-1, PIXELS)
        if at != len(body):
            raise ValueError(f"{path}: {len(body)} bytes after the first line, want {at}")
        (weight, bias), whole = networks[0][0], torch.zeros(head["encoder"][1], PIXELS, dtype=torch.float64)
        whole[:, pixels] = weight
        networks[0][0] = whole, bias
        (weight, bias), whole = networks[1][-1], torch.zeros(PIXELS, head["decoder"][-2], dtype=torch.float64)
        whole[pixels] = weight
        networks[1][-1] = whole, torch.full((PIXELS,), head["dark"], dtype=torch.float64).index_copy(0, pixels, bias)
        return cls(*networks), head, torch.tensor(pictures.astype("f8"))


def double(layers) -> list[tuple[torch.Tensor, torch.Tensor]]:
    return [(weight.double(), bias.double()) for weight, bias in layers]


def pack(found: dict, code: str) -> bytes:
    """The file's bytes from what the chapter's kernel gave, for a chapter whose code has this hash."""
    exact, lit = Codes(double(found["encoder"]), double(found["decoder"])), found["lit"]
    mean, _ = exact.posterior(found["test"].double())
    chances = exact.through(exact.decoder, mean).sigmoid().mean(0)[~lit]
    encoder, decoder = list(exact.encoder), list(exact.decoder)
    encoder[0] = encoder[0][0][:, lit], encoder[0][1]
    decoder[-1] = decoder[-1][0][lit], decoder[-1][1][lit]
    body, sizes = b"", []
    for layers in (encoder, decoder):
        sizes.append([layers[0][0].shape[1], *(len(bias) for _, bias in layers)])
        for weight, bias in layers:
            scale = (weight.abs().amax(1) / 127).float()
            body += (weight / scale.double()[:, None]).round().clamp(-127, 127).numpy().astype("<i1").tobytes()
            body += scale.numpy().astype("<f4").tobytes() + bias.numpy().astype("<f4").tobytes()
    body += lit.nonzero()[:, 0].numpy().astype("<u2").tobytes()
    body += np.packbits(found["pictures"].numpy()).tobytes()
    head = {
        "hash": code,
        "encoder": sizes[0],
        "decoder": sizes[1],
        "dark": torch.logit(chances.mean()).item(),
        "classes": [*range(10)],
    }
    return json.dumps(head).encode() + b"\n" + body


def losses(model: Codes, x: torch.Tensor, seed: int = 0) -> torch.Tensor:
    """Minus the bound of each picture by one draw, in nats; the same draws for the same seed."""
    mean, std = model.posterior(x)
    noise = torch.randn(mean.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return model.reconstruction(mean + std * noise, x) + model.price(mean, std)


def differences(stored, ran) -> list[str]:
    """The code cells whose outputs are not the stored ones."""
    cells = [[c for c in notebook.cells if c.cell_type == "code"] for notebook in (stored, ran)]
    return [
        f"cell {a.id}" for a, b in zip(*cells, strict=True) if [plain(o) for o in a.outputs] != [plain(o) for o in b.outputs]
    ]


def plain(output) -> dict:
    """An output without what the client counts."""
    kept = json.loads(json.dumps(output))
    for name in ("execution_count", "metadata"):
        kept.pop(name, None)
    return kept


def export(path: Path, timeout: float, report) -> tuple[dict, list[str]]:
    """Run a chapter in a fresh kernel: what its export code gave, and the cells whose outputs differ from the stored ones.

    Raises:
        CellFailed: a cell raised or took longer than `timeout` seconds.
    """
    import nbformat

    chapter = read(path)
    stored = nbformat.reads(json.dumps(chapter.notebook), as_version=4)
    ran = copy.deepcopy(stored)
    _, code = EXPORTS[chapter.docname]
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "weights.pt"
        ran.cells.append(nbformat.v4.new_code_cell(code.replace("TARGET", repr(str(target)))))
        env = surroundings(chapter.provenance["budget"])
        run_cells(ran, path, timeout=timeout, env=env, report=report)
        found = torch.load(target)
    ran.cells.pop()
    normalise(ran)
    return found, differences(stored, ran)


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status: 0, or 1 when the chapter's outputs were not those that are stored."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("chapter", help="part of its path, as for execute.py; there are: " + ", ".join(EXPORTS))
    parser.add_argument("--timeout", type=float, default=1800, help="seconds that one cell may take (default %(default)s)")
    options = parser.parse_args(arguments)
    (path,) = select([options.chapter])
    chapter = read(path)
    if chapter.docname not in EXPORTS:
        parser.error(f"{chapter.docname} has no export here; there are: {', '.join(EXPORTS)}")
    if not chapter.fresh:
        parser.error(f"{chapter.docname}: its code changed since its outputs were stored; run tools/execute.py first")
    try:
        found, differ = export(path, options.timeout, lambda text: print(text, flush=True))
    except CellFailed as failure:
        print(failure, file=sys.stderr)
        return 1
    if differ:
        print(f"outputs that are not the stored ones, so nothing is written: {', '.join(differ)}", file=sys.stderr)
        return 1
    print("every output is the stored one")
    target = ROOT / WEIGHTS / EXPORTS[chapter.docname][0]
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(pack(found, rest_hash(chapter.notebook)))
    x = found["test"].double()
    before = losses(Codes(double(found["encoder"]), double(found["decoder"])), x)
    after = losses(Codes.read(target)[0], x)
    print(f"{target.relative_to(ROOT)}: {target.stat().st_size:,} bytes")
    print(f"minus the bound, {len(x):,} test pictures, one draw each: {before.mean():.3f} nats in the chapter,", end=" ")
    print(f"{after.mean():.3f} rounded; of one picture at most {(after - before).abs().max():.2f} apart")
    return 0


if __name__ == "__main__":
    sys.exit(main())
