"""Neural networks on strings of tokens: a string and a time in, a string out.

`network` is what its user sees, `tree`, `unet` and `mlp` are its kinds, `layers` what these are
made of. Strings are (token, channel) everywhere.
"""

from thrmlDenoising.networks.strings.config import StringNetworkConfig
from thrmlDenoising.networks.strings.network import StringNetwork, build_string_network

__all__ = ["StringNetwork", "StringNetworkConfig", "build_string_network"]
