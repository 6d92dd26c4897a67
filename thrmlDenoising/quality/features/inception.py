"""Features of the Inception network that FID is defined by, fed as the published protocol does.

Only the Fréchet distance of these features is called FID. The network is pytorch-fid's (extra
`[inception]`) and its weights are one published file: nothing here downloads it. `torch` is
imported where it is used, so that everything else works without.
"""

import functools
import hashlib
import importlib
import io
import os
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from jaxtyping import Float32

from thrmlDenoising.quality.features.protocol import UnavailableError
from thrmlDenoising.support.paths import user_path

DIGEST_PREFIX = "6726825d"
"""How the sha256 of the published weights begins; it stands in their name, as torch.hub has it."""

WEIGHTS_NAME = f"pt_inception-2015-12-05-{DIGEST_PREFIX}.pth"
WEIGHTS_URL = (
    f"https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/{WEIGHTS_NAME}"
)

N_FEATURES = 2048
_SIDE = 256
_PREPROCESSING = "bilinear-antialias-256"
"""Names what `preprocess` does; statistics of another pre-processing must not be mixed with it."""

_BATCH_SIZE = 32  # torch, the network and its work take 1.3 GB
_INSTALL = "pip install 'thrmlDenoising[inception]'"


class InceptionFeatures:
    """The 2048 pooled features of the 2015-12-05 Inception network."""

    name = "inception"

    def __init__(self, network: Any, digest: str) -> None:
        """`network` maps images as `preprocess` makes them to a list of one pooled map.

        `digest` is the sha256 of its weights, in hexadecimal digits.
        """
        torch = importlib.import_module("torch")
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        # Pixel by pixel, channels together, is the faster order for convolutions, on a CPU as well.
        self._network = network.eval().to(self._device, memory_format=torch.channels_last)
        self.digest = digest

    @property
    def is_published(self) -> bool:
        """Whether the weights are those that FID is defined by."""
        return self.digest.startswith(DIGEST_PREFIX)

    @property
    def fingerprint(self) -> str:
        """What the features of an image depend on: the weights and the pre-processing."""
        return f"{self.digest}:{_PREPROCESSING}"

    @classmethod
    def load(cls, weights: str | os.PathLike[str] | None = None) -> "InceptionFeatures":
        """The network with the published weights, built once as long as the file stays as it is.

        `weights` names the file; by default it is looked for where pytorch-fid keeps it.

        Raises:
            UnavailableError: the weights are not there, or a package cannot be imported.
            ValueError: the file is not the published one.
        """
        path = find_weights(weights).resolve()
        state = path.stat()
        return _load(path, (state.st_mtime_ns, state.st_size))

    def __call__(
        self, images: Float32[np.ndarray, "image row column"]
    ) -> Float32[np.ndarray, "image 2048"]:
        """The features of images of brightness 0..1.

        Raises:
            ValueError: the images are not brightness 0..1, or are no stack of images.
        """
        _check_images(images)
        torch = importlib.import_module("torch")
        features = np.empty((len(images), N_FEATURES), np.float32)
        with torch.inference_mode():
            for start in range(0, len(images), _BATCH_SIZE):
                batch = slice(start, start + _BATCH_SIZE)
                (pooled,) = self._network(preprocess(images[batch]).to(self._device))
                features[batch] = pooled.flatten(1).cpu().numpy()
        return features


def preprocess(images: Float32[np.ndarray, "image row column"]) -> Any:
    """Brightness 0..1 to what the network takes: a torch tensor "image 3 256 256" in [-1, 1].

    Images are resized to 256 x 256 bilinearly with antialiasing, as torchvision's `resize` does,
    and every channel is the same.
    """
    torch = importlib.import_module("torch")
    grey = torch.from_numpy(np.ascontiguousarray(images, np.float32))[:, None]
    resized = torch.nn.functional.interpolate(
        grey, size=(_SIDE, _SIDE), mode="bilinear", align_corners=False, antialias=True
    )
    return (2 * resized - 1).repeat(1, 3, 1, 1)


def find_weights(weights: str | os.PathLike[str] | None = None) -> Path:
    """The file `weights`, or by default the one in torch.hub's folder of checkpoints.

    Raises:
        UnavailableError: there is no such file.
    """
    path = _hub_file() if weights is None else user_path(weights)
    if path.is_file():
        return path
    raise UnavailableError(
        f"FID needs the Inception weights, and there is no file {path.absolute()}. Nothing is "
        f"downloaded unasked. Fetch {WEIGHTS_URL} (91 MB), and give its path as "
        f"evaluation.inception_weights or put it at {_hub_file().absolute()} and leave that unset; "
        f"{_INSTALL} gets the packages"
    )


def _hub_file() -> Path:
    """Where pytorch-fid has torch.hub put the weights."""
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    torch_home = os.environ.get("TORCH_HOME", os.path.join(cache, "torch"))
    # Without a home directory this leaves the ~, and so names a file that is not there.
    return Path(os.path.expanduser(torch_home), "hub", "checkpoints", WEIGHTS_NAME)


@functools.lru_cache(maxsize=1)
def _load(path: Path, _state: tuple[int, int]) -> InceptionFeatures:
    """The network of a file in this state; another one of the same name is read again."""
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if not digest.startswith(DIGEST_PREFIX):
        raise ValueError(
            f"{path} has {len(content)} bytes and the sha256 {digest}, but that of the published "
            f"weights begins with {DIGEST_PREFIX}: the file is damaged or another one. Fetch "
            f"{WEIGHTS_URL} again"
        )
    return InceptionFeatures(_network(content), digest)


def _network(weights: bytes) -> Any:
    """pytorch-fid's network with these weights."""
    try:
        torch = importlib.import_module("torch")
        inception = importlib.import_module("pytorch_fid.inception")
    except ImportError as error:
        raise UnavailableError(
            f"FID needs pytorch-fid, which cannot be imported ({error}): {_INSTALL}"
        ) from error
    state = torch.load(io.BytesIO(weights), map_location="cpu", weights_only=True)
    # The constructor takes no weights: it asks this function, which would download them. Naming
    # another one for that moment needs no copy of the architecture here, and fails where the name
    # is gone. Setting torch.hub's folder instead would, at any oversight, download silently, and
    # its loader runs whatever code a pickle holds.
    with mock.patch.object(inception, "load_state_dict_from_url", return_value=state):
        network = inception.InceptionV3(resize_input=False, normalize_input=False)
    return network.float()  # also where torch.set_default_dtype says otherwise


def _check_images(images: Float32[np.ndarray, "image row column"]) -> None:
    if images.ndim != 3:
        raise ValueError(f"images of shape {images.shape}: give them as (image, row, column)")
    if not np.all((images >= 0) & (images <= 1)):
        raise ValueError(
            f"images of brightness {images.min()} to {images.max()}: give brightness 0..1, that is "
            "levels divided by the highest"
        )
