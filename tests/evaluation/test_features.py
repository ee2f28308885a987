import hashlib
import pickle
from pathlib import Path

import pytest
import torch

from nbdgm.data import Images, load, to_signed
from nbdgm.evaluation import class_histogram, entropy, feature_network, frechet_distance, nearest_neighbours
from nbdgm.evaluation.features import FeatureNet, as_images


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def smoke(monkeypatch, cache):
    monkeypatch.setenv("NBDGM_BUDGET", "smoke")
    monkeypatch.setenv("NBDGM_CACHE", str(cache))


@pytest.fixture
def network():
    return feature_network("mnist", verbose=False)


@pytest.fixture
def test_set():
    return load("mnist", "test")


def weights(network):
    return torch.cat([p.flatten() for p in network.parameters()])


def test_it_learns_and_says_how_well(network, test_set):
    assert network.accuracy > 0.9
    assert network.accuracy == pytest.approx((network.classify(test_set) == test_set.y).float().mean().item())
    features = network.features(test_set.x)
    assert features.shape == (len(test_set), 64) and features.min() >= 0
    assert not network.training and not any(p.requires_grad for p in network.parameters())


def test_it_is_trained_once_and_alike_everywhere(network, cache, tmp_path, monkeypatch, capsys):
    before = torch.get_rng_state()
    again = feature_network("mnist")
    assert capsys.readouterr().out == ""
    assert torch.equal(weights(network), weights(again)) and again.accuracy == network.accuracy
    assert [p.suffix for p in (cache / "features").iterdir()] == [".pt"]  # no unfinished file is left
    monkeypatch.setenv("NBDGM_CACHE", str(tmp_path))
    torch.manual_seed(5)
    torch.set_rng_state(before)
    elsewhere = feature_network("mnist")
    assert "Training the feature network for mnist" in capsys.readouterr().out
    assert torch.equal(before, torch.get_rng_state())
    torch.testing.assert_close(weights(network), weights(elsewhere), atol=2e-2, rtol=0)


@pytest.mark.parametrize("kind", ["truncated", "foreign", "code"])
def test_a_file_that_cannot_be_used_is_replaced_and_runs_nothing(kind, network, cache, tmp_path, monkeypatch, capsys):
    (file,) = (cache / "features").iterdir()
    monkeypatch.setenv("NBDGM_CACHE", str(tmp_path))
    copy = tmp_path / "features" / file.name
    copy.parent.mkdir()

    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "sprung",))

    if kind == "truncated":
        copy.write_bytes(file.read_bytes()[:5000])
    elif kind == "foreign":
        torch.save({"weights": {"a": torch.zeros(2)}, "accuracy": 1.0}, copy)
    else:
        copy.write_bytes(pickle.dumps({"weights": Trap()}, protocol=2))
    monkeypatch.setattr("nbdgm.evaluation.features._train", lambda network, name: None)  # fast; the file is what matters
    feature_network("mnist")
    assert "Training" in capsys.readouterr().out
    assert not (tmp_path / "sprung").exists()
    feature_network("mnist")
    assert "Training" not in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["no accuracy", "no number", "other shapes", "one weight less"])
def test_a_foreign_file_leaves_no_trace_in_what_is_trained(kind, network, cache, tmp_path, monkeypatch):
    """The weights that training begins with are those of the seed, whatever the file that did not fit held."""
    (file,) = (cache / "features").iterdir()
    saved = torch.load(file, weights_only=True)
    begun = []
    monkeypatch.setattr("nbdgm.evaluation.features._train", lambda network, name: begun.append(weights(network)))
    for spoilt in (False, True):
        folder = tmp_path / str(spoilt)
        monkeypatch.setenv("NBDGM_CACHE", str(folder))
        (folder / "features").mkdir(parents=True)
        if spoilt:
            if kind == "no accuracy":
                del saved["accuracy"]
            elif kind == "no number":
                saved["accuracy"] = float("nan")
            elif kind == "other shapes":
                saved["weights"]["heads.class.weight"] = torch.zeros(11, 64)
            else:
                del saved["weights"]["heads.class.bias"]
            torch.save(saved, folder / "features" / file.name)
        feature_network("mnist", verbose=False)
    assert len(begun) == 2 and torch.equal(*begun)


def test_other_data_under_the_same_name_have_a_network_of_their_own(network, cache, tmp_path, monkeypatch):
    """The stand-in's network is not that of the real pictures."""
    import sys

    loading = sys.modules["nbdgm.data.load"]
    trained = []
    monkeypatch.setenv("NBDGM_CACHE", str(tmp_path))
    monkeypatch.setattr("nbdgm.evaluation.features._train", lambda network, name: trained.append(name))
    feature_network("mnist", verbose=False)
    drawn = loading._load_drawn("glyphs", "test")
    monkeypatch.setitem(loading.DATASETS, "mnist", lambda name, split: Images(drawn.x, drawn.y, name))
    feature_network("mnist", verbose=False)
    feature_network("mnist", verbose=False)
    assert len(trained) == 2 and len(list((tmp_path / "features").iterdir())) == 2


def test_without_room_the_network_still_comes_and_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("NBDGM_CACHE", str(tmp_path))
    monkeypatch.setattr("nbdgm.evaluation.features._train", lambda network, name: None)

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    assert feature_network("mnist").classes == 10
    assert "The feature network is not kept: [Errno 28] No space left on device" in capsys.readouterr().out
    assert list((tmp_path / "features").iterdir()) == []


@pytest.mark.parametrize("error", [OSError(30, "Read-only file system"), NotADirectoryError(20, "Not a directory")])
def test_where_not_even_removing_is_possible_the_network_still_comes(error, tmp_path, monkeypatch, capsys):
    (tmp_path / "features").mkdir()
    monkeypatch.setenv("NBDGM_CACHE", str(tmp_path))
    monkeypatch.setattr("nbdgm.evaluation.features._train", lambda network, name: None)

    def refuse(*args, **kwargs):
        raise error

    monkeypatch.setattr("builtins.open", refuse)
    monkeypatch.setattr(Path, "unlink", refuse)
    assert feature_network("mnist").classes == 10
    assert f"The feature network is not kept: {error}" in capsys.readouterr().out


@pytest.mark.parametrize("cache", ["/dev/null/x", "/proc/x"])
def test_without_a_place_for_it_the_network_still_comes(cache, monkeypatch, capsys):
    monkeypatch.setenv("NBDGM_CACHE", cache)
    monkeypatch.setattr("nbdgm.evaluation.features._train", lambda network, name: None)
    assert feature_network("mnist").classes == 10
    assert "The feature network is not kept: " in capsys.readouterr().out


def test_torch_s_own_error_for_a_full_disk_is_one_too(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("NBDGM_CACHE", str(tmp_path))
    monkeypatch.setattr("nbdgm.evaluation.features._train", lambda network, name: None)

    def full(state, file):
        file.write(b"begun")
        raise RuntimeError("PytorchStreamWriter failed writing file")

    monkeypatch.setattr(torch, "save", full)
    assert feature_network("mnist").classes == 10
    assert "The feature network is not kept: Pytorch" in capsys.readouterr().out
    assert list((tmp_path / "features").iterdir()) == []


def test_frechet_distance_orders_what_the_eye_orders(network, test_set):
    real = load("mnist")
    floor = frechet_distance(real, test_set, network)
    noisy = (test_set.x + 0.3 * torch.randn(test_set.x.shape, generator=torch.Generator().manual_seed(0))).clamp(0, 1)
    few = test_set.x[test_set.y < 5]
    noise = torch.rand(test_set.x.shape, generator=torch.Generator().manual_seed(1))
    scores = [frechet_distance(real, x, network) for x in (noisy, few, noise)]
    assert floor < min(scores[:2]) and max(scores[:2]) < scores[2]
    assert frechet_distance(network.features(real), network.features(test_set)) == pytest.approx(floor)


def test_class_histogram(network, test_set):
    shares = class_histogram(test_set, network)
    assert shares.shape == (10,) and shares.sum().item() == pytest.approx(1)
    truth = torch.bincount(test_set.y, minlength=10) / len(test_set)
    assert (shares - truth).abs().max() < 0.05 and entropy(shares) > 2.2
    only = class_histogram(test_set.x[test_set.y == 3], network)
    assert only.argmax() == 3 and only[3] > 0.7 and entropy(only) < 1


def test_neighbours_by_features_mostly_share_the_class(network, test_set):
    positions, _ = nearest_neighbours(test_set, load("mnist"), network=network)
    assert (load("mnist").y[positions[:, 0]] == test_set.y).float().mean() > 0.9


def test_every_choice_of_drawn_pictures_is_learnt(monkeypatch):
    monkeypatch.setattr("nbdgm.evaluation.features._train", lambda network, name: None)
    network = feature_network("glyphs")
    assert network.targets == {"character": 10} and network.classes == 10
    faces = feature_network("faces")
    assert faces.targets["hair_colour"] == faces.classes == 8 and faces.targets["eye_colour"] == 6
    pictures = load("faces", "test").first(5)
    assert faces.classify(pictures, "ribbon").shape == (5,)
    with pytest.raises(ValueError, match="target: expected one of hair_colour, eye_colour"):
        faces.classify(pictures, "pose")


def test_bad_arguments_are_named(network, test_set):
    with pytest.raises(ValueError, match="name: binarized-mnist has no classes"):
        feature_network("binarized-mnist")
    with pytest.raises(ValueError, match="unknown data set"):
        feature_network("nothing")
    with pytest.raises(ValueError, match=r"fake: expected values in \[0, 1\], got -1 to 1; for \[-1, 1\] use data.from_signed"):
        frechet_distance(test_set, to_signed(test_set.x), network)
    with pytest.raises(ValueError, match=r"real: expected pictures of shape \(N, C, H, W\)"):
        frechet_distance(torch.rand(5, 784), test_set, network)
    with pytest.raises(ValueError, match=r"x: the network knows pictures of shape \(1, 28, 28\), got \(3, 28, 28\)"):
        network.features(torch.rand(2, 3, 28, 28))
    for bad in ([1, 2], None, torch.zeros(0, 1, 28, 28), torch.zeros(2, 1, 0, 28)):
        with pytest.raises(ValueError, match="images: expected"):
            class_histogram(bad, network)
    bytes_ = (test_set.x > 0.5).byte()
    for bad in (bytes_, bytes_.numpy(), bytes_ * 255):
        with pytest.raises(ValueError, match=r"x: expected floating-point values in .*, got bytes; divide by 255 first"):
            network.features(bad)
    with pytest.raises(ValueError, match=r"x: expected values in .*, got 0 to 255; for 0 to 255 divide by 255 first"):
        network.features(test_set.x * 255)
    with pytest.raises(ValueError, match=r"x: expected values in .*, got nan to nan$"):
        network.features(test_set.x * torch.nan)


def test_it_is_trained_and_measures_alike_wherever_it_is_called(network, test_set, tmp_path, monkeypatch):
    monkeypatch.setenv("NBDGM_CACHE", str(tmp_path))
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        again = feature_network("mnist", verbose=False)
        features, classes = again.features(test_set), again.classify(test_set)
    assert not next(again.parameters()).is_inference()
    torch.testing.assert_close(weights(again), weights(network), atol=2e-2, rtol=0)
    assert features.dtype == torch.float32 and torch.equal(features, again.features(test_set))
    assert torch.equal(classes, again.classify(test_set)) and again.accuracy == pytest.approx(network.accuracy, abs=0.02)


def test_its_weights_are_float32_whatever_the_default(test_set, tmp_path, monkeypatch):
    monkeypatch.setenv("NBDGM_CACHE", str(tmp_path))
    monkeypatch.setattr("nbdgm.evaluation.features._train", lambda network, name: None)
    try:
        torch.set_default_dtype(torch.float64)
        network = feature_network("mnist", verbose=False)
    finally:
        torch.set_default_dtype(torch.float32)
    assert network.features(test_set).dtype == torch.float32


def test_pictures_of_every_type_are_classified_alike(network, test_set):
    x = test_set.x[:20].bfloat16()
    for same in (x, x.double(), x.float().numpy(), x.clone().requires_grad_(), Images(x.float())):
        assert torch.equal(network.classify(same), network.classify(x.float()))
    binary = (x > 0.5).long()
    assert torch.equal(network.classify(binary), network.classify(binary.float()))
    slight = (test_set.x[:20] * 1.04 - 0.02).clamp(-0.02, 1.02)
    assert network.features(slight).shape == (20, 64)


def test_how_the_network_is_built():
    network = FeatureNet((3, 32, 28), {"kind": 5, "other": 2})
    assert [tuple(p.shape) for p in network.parameters() if p.ndim > 1] == [
        *((32, 3, 4, 4), (64, 32, 4, 4), (64, 64 * 8 * 7)),
        *((5, 64), (2, 64)),
    ]
    convolutions = [m for m in network.body if isinstance(m, torch.nn.Conv2d)]
    assert {(m.kernel_size, m.stride, m.padding) for m in convolutions} == {((4, 4), (2, 2), (1, 1))}
    assert (
        network.classes == 5
        and network.num_features == 64
        and network.name == "images"
        and network.accuracy != network.accuracy
    )
    assert network.shape == (3, 32, 28) and network.targets == {"kind": 5, "other": 2}
    logits = network(torch.rand(3, 3, 32, 28))
    assert {name: tuple(values.shape) for name, values in logits.items()} == {"kind": (3, 5), "other": (3, 2)}
    assert network.classify(torch.rand(3, 3, 32, 28), "other").max() <= 1


@pytest.mark.parametrize(("budget", "updates"), [("smoke", 100), ("cpu", 2500), ("gpu", 8000)])
def test_how_the_network_is_trained(budget, updates, monkeypatch):
    from nbdgm import training
    from nbdgm.evaluation.features import _train

    seen = []
    monkeypatch.setattr(training, "play", lambda players, data, steps, **more: seen.append((players, data, steps, more)))
    drawn = load("digits", "test")
    monkeypatch.setattr("nbdgm.data.load", lambda name, split: seen.append((name, split)) or drawn)
    monkeypatch.setenv("NBDGM_BUDGET", budget)
    network = FeatureNet((1, 28, 28), {"class": 10})
    _train(network, "digits")
    (asked, ((player,), batches, steps, more)) = seen
    assert asked == ("digits", "train") and steps == updates and more == {"progress": False}
    assert player.optimizer.defaults["lr"] == 2e-3 and player.schedule(1.0) == pytest.approx(0.05) and player.name == "features"
    assert batches.size == 64 and batches.seed == 0 and len(next(batches)) == 2 and player.modules[0] is network
    loss = player.loss((drawn.x[:4], drawn.y[:4]))
    assert loss.item() == pytest.approx(torch.nn.functional.cross_entropy(network(drawn.x[:4])["class"], drawn.y[:4]).item())


def test_the_cache_is_keyed_by_the_data_the_code_and_the_budget(network, cache, test_set):
    from nbdgm.evaluation import features

    (file,) = (cache / "features").glob("mnist-*")
    content = Path(features.__file__).read_bytes() + test_set.x[:200].numpy().tobytes()
    assert file.name == f"mnist-smoke-{hashlib.sha256(content).hexdigest()[:12]}.pt"


@pytest.mark.parametrize("accuracy", [-0.1, 1.5, "high"])
def test_a_share_that_is_none_is_no_accuracy(accuracy, network, cache, tmp_path):
    from nbdgm.evaluation.features import _read

    (file,) = (cache / "features").glob("mnist-*")
    saved = torch.load(file, weights_only=True)
    for given, fits in ((accuracy, False), (0, True), (1.0, True)):
        torch.save(saved | {"accuracy": given}, tmp_path / "kept.pt")
        assert (_read(tmp_path / "kept.pt", network) is not None) is fits


@pytest.mark.parametrize(
    ("low", "high", "fits"), [(-0.02, 1.02, True), (-0.03, 1.0, False), (0.0, 1.03, False), (-0.019, 0.5, True)]
)
def test_how_far_pictures_may_leave_their_range(low, high, fits):
    pictures = torch.tensor([low, high]).view(1, 1, 1, 2)
    if fits:
        assert as_images(pictures, "x").flatten().tolist() == pytest.approx([low, high])
        return
    with pytest.raises(ValueError, match=r"x: expected values in \[0, 1\]"):
        as_images(pictures, "x")
