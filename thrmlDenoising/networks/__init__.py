"""Neural networks that families train: an image, a time and a class in, an image out.

`network` is what its user sees, `unet`, `score` and `patches` are its kinds, `blocks` and `layers`
what these are made of; `parts` divides the work on a batch, `ema` averages parameters. Layers
work on (row, column, channel), users on (channel, row, column). Those on strings are in `strings`.
"""

from thrmlDenoising.networks.config import NetworkConfig
from thrmlDenoising.networks.ema import averaged, share_kept
from thrmlDenoising.networks.embedding import sinusoidal
from thrmlDenoising.networks.network import Network, build_network
from thrmlDenoising.networks.operations import JOULES_PER_OPERATION, n_operations
from thrmlDenoising.networks.parts import in_parts
from thrmlDenoising.networks.points import (
    PointNetwork,
    PointNetworkConfig,
    build_point_network,
)
from thrmlDenoising.networks.strings import (
    StringNetwork,
    StringNetworkConfig,
    build_string_network,
)

__all__ = [
    "JOULES_PER_OPERATION",
    "Network",
    "NetworkConfig",
    "PointNetwork",
    "PointNetworkConfig",
    "StringNetwork",
    "StringNetworkConfig",
    "averaged",
    "build_network",
    "build_point_network",
    "build_string_network",
    "in_parts",
    "n_operations",
    "share_kept",
    "sinusoidal",
]
