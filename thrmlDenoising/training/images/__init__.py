"""Models of images: what they are, how their images are judged and drawn, and one at work."""

from thrmlDenoising.training.images.model import ImageModel
from thrmlDenoising.training.images.samples import Samples
from thrmlDenoising.training.images.trainable import ImageTrainable

__all__ = ["ImageModel", "ImageTrainable", "Samples"]
