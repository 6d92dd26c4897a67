"""The class for models of a type at work, where a family is known by name alone."""

from thrmlDenoising.training.images import ImageModel, ImageTrainable
from thrmlDenoising.training.model import Model
from thrmlDenoising.training.trainable import Trainable


def at_work(model_type: type[Model]) -> type[Trainable]:
    """The class for models of this type at work."""
    base = ImageTrainable if issubclass(model_type, ImageModel) else Trainable
    return base.of(model_type)
