"""The Inception features: where their weights are looked for, what is refused, how images are fed.

The published weights are not at hand: the architecture is tested with random ones, in a file that
is let through as if it were the published one. Tests that ask for `torch` skip without.
"""

import hashlib
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from thrmlDenoising.quality.features import inception
from thrmlDenoising.quality.features.inception import (
    DIGEST_PREFIX,
    WEIGHTS_NAME,
    WEIGHTS_URL,
    InceptionFeatures,
    UnavailableError,
    find_weights,
    preprocess,
)

SEEDS = (0, 1, 2)


# -- where the weights are looked for: no torch needed


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of checkpoints of torch.hub."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch_home"))
    folder = tmp_path / "torch_home" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


def let_through(monkeypatch: pytest.MonkeyPatch, content: bytes) -> str:
    """Makes a file of this content pass as the published one; its digest."""
    digest = hashlib.sha256(content).hexdigest()
    monkeypatch.setattr(inception, "DIGEST_PREFIX", digest[:8])
    return digest


PLACES = [
    ({"TORCH_HOME": "a", "XDG_CACHE_HOME": "b", "HOME": "c"}, "a/hub/checkpoints"),
    ({"XDG_CACHE_HOME": "b", "HOME": "c"}, "b/torch/hub/checkpoints"),
    ({"HOME": "c"}, "c/.cache/torch/hub/checkpoints"),
    ({"TORCH_HOME": "~/t", "HOME": "c"}, "c/t/hub/checkpoints"),
]


def set_places(places: dict[str, str], root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("TORCH_HOME", "XDG_CACHE_HOME", "HOME", "TORCH_HUB"):
        monkeypatch.delenv(variable, raising=False)
    for variable, folder in places.items():
        monkeypatch.setenv(variable, folder if folder[0] == "~" else str(root / folder))


@pytest.mark.skipif(os.name == "nt", reason="HOME is not where Windows looks")
@pytest.mark.parametrize(("places", "expected"), PLACES)
def test_weights_are_found_where_torch_hub_keeps_them(
    places: dict[str, str], expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    set_places(places, tmp_path, monkeypatch)
    file = tmp_path / expected / WEIGHTS_NAME
    file.parent.mkdir(parents=True)
    file.touch()
    assert find_weights() == file


@pytest.mark.skipif(os.name == "nt", reason="HOME is not where Windows looks")
@pytest.mark.parametrize(("places", "expected"), PLACES)
def test_torch_hub_says_the_same(
    places: dict[str, str],
    expected: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    torch: Any,
):
    set_places(places, tmp_path, monkeypatch)
    assert Path(torch.hub.get_dir(), "checkpoints") == tmp_path / expected


def test_absent_weights_say_where_they_belong_and_how_to_get_them(hub: Path):
    with pytest.raises(UnavailableError) as caught:
        InceptionFeatures.load()
    message = str(caught.value)
    for needed in (str(hub / WEIGHTS_NAME), WEIGHTS_URL, "evaluation.inception_weights"):
        assert needed in message
    assert "pip install 'thrmlDenoising[inception]'" in message


def test_a_given_path_is_the_only_one(hub: Path, tmp_path: Path):
    (hub / WEIGHTS_NAME).touch()
    with pytest.raises(UnavailableError, match="elsewhere"):
        find_weights(tmp_path / "elsewhere.pth")
    with pytest.raises(UnavailableError):
        find_weights(hub)
    given = tmp_path / "given.pth"
    given.touch()
    assert find_weights(str(given)) == given


def test_another_file_is_refused(hub: Path):
    content = b"not the published weights"
    (hub / WEIGHTS_NAME).write_bytes(content)
    with pytest.raises(ValueError, match=hashlib.sha256(content).hexdigest()) as caught:
        InceptionFeatures.load()
    for needed in (str(hub / WEIGHTS_NAME), DIGEST_PREFIX, f"{len(content)} bytes", WEIGHTS_URL):
        assert needed in str(caught.value)


@pytest.mark.parametrize(
    "damage",
    [lambda whole: whole[:-1], lambda whole: whole[:9] + b"\xff" + whole[10:], lambda whole: b""],
    ids=["cut", "one byte", "empty"],
)
def test_a_damaged_file_is_refused(
    damage: Callable[[bytes], bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    whole = bytes(range(200))
    let_through(monkeypatch, whole)
    file = tmp_path / WEIGHTS_NAME
    file.write_bytes(damage(whole))
    with pytest.raises(ValueError, match="damaged"):
        InceptionFeatures.load(file)


@pytest.mark.parametrize("package", ["torch", "torchvision", "pytorch_fid"])
def test_an_absent_package_says_how_to_install_it(
    package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    content = b"as good as the published weights"
    let_through(monkeypatch, content)
    file = tmp_path / "weights.pth"
    file.write_bytes(content)
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, "pytorch_fid.inception", raising=False)
    with pytest.raises(UnavailableError, match=r"pip install 'thrmlDenoising\[inception\]'"):
        InceptionFeatures.load(file)


# -- pre-processing


@pytest.fixture(scope="module")
def torch() -> Any:
    """The package, with pytorch-fid beside it."""
    pytest.importorskip("pytorch_fid.inception", reason="needs the extra [inception]")
    return pytest.importorskip("torch")


def grey_images(seed: int, n_images: int, side: int = 28, n_levels: int = 255) -> np.ndarray:
    levels = np.random.default_rng(seed).integers(0, n_levels + 1, (n_images, side, side))
    return (levels / n_levels).astype(np.float32)


def triangle_weights(n_in: int, n_out: int) -> np.ndarray:
    """Weights "out in" of bilinear resizing by hand, pixels being unit squares.

    Output pixel i lies at (i + 1/2) n_in / n_out - 1/2 of the input. Its weights fall off linearly
    to 0 at a distance of one pixel, of the input or the output, whichever is larger: that is
    the antialiasing. What is cut at the border is made up for by the rest.
    """
    scale = n_in / n_out
    places = (np.arange(n_out) + 0.5) * scale - 0.5
    distances = np.abs(places[:, None] - np.arange(n_in)) / max(scale, 1)
    weights = np.maximum(1 - distances, 0)
    return weights / weights.sum(axis=1, keepdims=True)


# A place in the input is rounded to 2^-23 of up to 512 pixels, and so are the two or four weights
# of a pixel made from it, along both axes; brightness is doubled last.
ROUNDING = 2 * 2 * 4 * 512 * 2**-23


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("side", [28, 512])
def test_resizing_is_bilinear_and_antialiased(seed: int, side: int, torch: Any):
    images = grey_images(seed, 3, side)
    weights = triangle_weights(side, 256)
    expected = 2 * (weights @ images.astype(np.float64) @ weights.T) - 1
    processed = preprocess(images)
    assert processed.shape == (3, 3, 256, 256)
    assert processed.dtype == torch.float32
    for channel in range(3):
        assert np.abs(processed[:, channel].numpy() - expected).max() < ROUNDING

    resize = torch.nn.functional.interpolate
    grey = torch.from_numpy(images)[:, None]
    twins = [dict(mode="nearest"), dict(mode="bilinear", align_corners=True)]
    if side > 256:  # enlarging has nothing to smooth
        twins.append(dict(mode="bilinear", align_corners=False))
    for options in twins:
        twin = 2 * resize(grey, (256, 256), **options)[:, 0].numpy() - 1
        assert np.abs(twin - expected).max() > 10 * ROUNDING


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("n_levels", [1, 7, 255])
def test_preprocessing_is_torchvisions(seed: int, n_levels: int, torch: Any):
    functional = pytest.importorskip("torchvision.transforms.functional")
    images = grey_images(seed, 3, n_levels=n_levels)
    resized = functional.resize(
        torch.from_numpy(images)[:, None],
        [256, 256],
        functional.InterpolationMode.BILINEAR,
        antialias=True,
    )
    expected = (resized.repeat(1, 3, 1, 1) - 0.5) / 0.5
    torch.testing.assert_close(preprocess(images), expected, rtol=0, atol=2**-21)


def test_black_and_white_are_the_ends_of_the_range(torch: Any):
    extremes = np.stack([np.zeros((28, 28)), np.ones((28, 28))])
    processed = preprocess(extremes.astype(np.float32))
    for image, end in zip(processed, (-1, 1), strict=True):
        torch.testing.assert_close(image, torch.full_like(image, end), rtol=0, atol=ROUNDING)


# -- features of a stand-in: means over squares of the image


@pytest.fixture
def square_means(torch: Any) -> InceptionFeatures:
    """Feature k < 1024 is the mean of square k (32 x 32 of them), the rest are those of channel 2.

    In training mode half of them would be dropped.
    """

    class SquareMeans(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.dropout = torch.nn.Dropout(0.5)

        def forward(self, images: Any) -> list[Any]:
            means = torch.nn.functional.avg_pool2d(images[:, :2], 8)
            return [self.dropout(means).reshape(len(images), inception.N_FEATURES, 1, 1)]

    return InceptionFeatures(SquareMeans(), "0123abcd")


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("n_images", [0, 1, 32, 33, 65])
def test_every_image_has_its_own_features(
    seed: int, n_images: int, square_means: InceptionFeatures
):
    images = grey_images(seed, n_images, n_levels=7)
    rows = triangle_weights(28, 256).reshape(32, 8, 28).mean(axis=1)
    means = 2 * (rows @ images.astype(np.float64) @ rows.T) - 1
    features = square_means(images)
    assert features.shape == (n_images, inception.N_FEATURES)
    assert features.dtype == np.float32
    expected = np.tile(means.reshape(n_images, 1024), 2)
    np.testing.assert_allclose(features, expected, rtol=0, atol=ROUNDING)


@pytest.mark.parametrize(
    ("images", "complaint"),
    [
        (np.full((2, 28, 28), 7), "brightness 7 to 7"),
        (np.full((2, 28, 28), -0.5), "brightness -0.5 to -0.5"),
        (np.full((2, 28, 28), np.nan), "brightness nan"),
        (np.zeros((28, 28)), r"shape \(28, 28\)"),
        (np.zeros((2, 784)), r"shape \(2, 784\)"),
    ],
)
def test_what_is_no_stack_of_brightness_is_refused(
    images: np.ndarray, complaint: str, square_means: InceptionFeatures
):
    with pytest.raises(ValueError, match=complaint):
        square_means(images)


def test_fingerprint_tells_weights_and_preprocessing(
    square_means: InceptionFeatures, monkeypatch: pytest.MonkeyPatch
):
    before = square_means.fingerprint
    assert "0123abcd" in before
    monkeypatch.setattr(inception, "_PREPROCESSING", "another")
    assert square_means.fingerprint != before


# -- the architecture, with random weights


class Twin(NamedTuple):
    """A network of random weights, their file, and what makes that pass as the published one."""

    file: Path
    digest: str
    network: Any
    """Images to pooled features by torchvision's own forward pass."""


@pytest.fixture(scope="module")
def twin(torch: Any, tmp_path_factory: pytest.TempPathFactory) -> Twin:
    """Built by pytorch-fid, never by our loader."""
    definition = pytest.importorskip("pytorch_fid.inception")
    network_class = pytest.importorskip("torchvision.models").Inception3
    torch.manual_seed(0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(definition, "load_state_dict_from_url", lambda *_, **__: {})
        patch.setattr(network_class, "load_state_dict", lambda *_: None)
        network = definition.fid_inception_v3()
    for parameter in network.parameters():
        if parameter.ndim == 4:  # convolutions, so that signals neither die nor explode
            torch.nn.init.kaiming_normal_(parameter)
    file = tmp_path_factory.mktemp("weights") / "random.pth"
    # torch's older file format; tests of refused pickles use the newer one
    torch.save(network.state_dict(), file, _use_new_zipfile_serialization=False)
    network.fc = torch.nn.Identity()
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    return Twin(file, digest, network.eval())


@pytest.fixture
def published(twin: Twin, monkeypatch: pytest.MonkeyPatch) -> Twin:
    """The same, let through, with a fresh memory of what was loaded and no network to ask."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError("a connection was asked for")

    monkeypatch.setattr(inception, "DIGEST_PREFIX", twin.digest[:8])
    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    inception._load.cache_clear()
    return twin


def relative_difference(features: np.ndarray, others: np.ndarray) -> float:
    return float(np.abs(features - others).max() / np.abs(others).max())


# Each of about fifty layers rounds to 2^-24, in an order that batches and memory formats change.
LAYERS_ROUNDING = 50 * 8 * 2**-24


def test_features_are_those_of_the_file(published: Twin, torch: Any):
    images = grey_images(0, 3)
    features = InceptionFeatures.load(published.file)
    measured = features(images)
    assert measured.shape == (3, 2048)
    assert features.digest == published.digest
    with torch.no_grad():
        fed = preprocess(images)
        expected = published.network(fed).numpy()
        # what pytorch-fid does by default: another range, another size
        wrong_range = published.network((fed + 1) / 2).numpy()
        resized = torch.nn.functional.interpolate(fed, (299, 299), mode="bilinear")
        wrong_size = published.network(resized).numpy()
    assert relative_difference(measured, expected) < LAYERS_ROUNDING
    for wrong in (wrong_range, wrong_size):
        assert relative_difference(wrong, expected) > 100 * LAYERS_ROUNDING
    assert relative_difference(expected[1:], expected[:-1]) > 100 * LAYERS_ROUNDING


def test_features_do_not_depend_on_the_batch(published: Twin, monkeypatch: pytest.MonkeyPatch):
    images = grey_images(1, 5, n_levels=1)
    features = InceptionFeatures.load(published.file)
    together = features(images)
    monkeypatch.setattr(inception, "_BATCH_SIZE", 2)
    assert relative_difference(features(images), together) < LAYERS_ROUNDING


def test_nothing_is_downloaded(published: Twin, hub: Path):
    definition = pytest.importorskip("pytorch_fid.inception")
    downloader = definition.load_state_dict_from_url
    InceptionFeatures.load(published.file)
    assert definition.load_state_dict_from_url is downloader
    assert not list(hub.iterdir())
    with pytest.raises(OSError, match="a connection was asked for"):
        definition.InceptionV3()  # the guard would have noticed


def test_the_network_is_built_once(published: Twin, hub: Path, monkeypatch: pytest.MonkeyPatch):
    definition = pytest.importorskip("pytorch_fid.inception")
    built = []
    build = definition.fid_inception_v3
    monkeypatch.setattr(definition, "fid_inception_v3", lambda: built.append(None) or build())
    (hub / WEIGHTS_NAME).symlink_to(published.file)
    monkeypatch.chdir(published.file.parent)
    first = InceptionFeatures.load(published.file)
    assert InceptionFeatures.load() is first
    assert InceptionFeatures.load(published.file.name) is first
    assert len(built) == 1


class MakesFolder:
    """Unpickled carelessly, it makes a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.folder),)


def test_code_in_a_file_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, torch: Any):
    file, folder = tmp_path / "weights.pth", tmp_path / "made"
    torch.save({"weight": MakesFolder(folder)}, file)
    let_through(monkeypatch, file.read_bytes())
    with pytest.raises(Exception, match="Weights only load failed"):
        InceptionFeatures.load(file)
    assert not folder.exists()
    torch.load(file, weights_only=False)
    assert folder.exists(), "the file would have run it"
