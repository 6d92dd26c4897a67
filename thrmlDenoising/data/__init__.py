"""Image data sets as the models see them: integer pixels and class numbers, in plain NumPy.

    data = load_dataset("fashion_mnist_10k", target_classes=(0, 1), n_levels=1, pixel_threshold=0.1)
    data.train.pixels   # (1969, 784), values 0 or 1
    data.train.classes  # (1969,), values 0 or 1: the position in target_classes

`OwnImages` are images that a user brings along, a `ToySet` is one of each class.
`dataset_facts(name)` tells sizes and counts of a set of this package without reading an image.
"""

from thrmlDenoising.data.conditions import as_bits, checked_conditions, in_turn
from thrmlDenoising.data.dataset import ImageDataset, Split, class_positions, one_hot_labels
from thrmlDenoising.data.facts import DatasetFacts, check_own_name, dataset_facts
from thrmlDenoising.data.given import as_array, as_bytes
from thrmlDenoising.data.keyed_split import KeyedSplit
from thrmlDenoising.data.loading import load_dataset
from thrmlDenoising.data.locations import DATA_DIR_VARIABLE
from thrmlDenoising.data.mode import Mode
from thrmlDenoising.data.own import OwnImages
from thrmlDenoising.data.own_toy import ToySet
from thrmlDenoising.data.points import OwnPoints
from thrmlDenoising.data.quantising import level_table

OwnData = OwnImages | ToySet
"""Images that a user can bring along."""

__all__ = [
    "DATA_DIR_VARIABLE",
    "DatasetFacts",
    "ImageDataset",
    "KeyedSplit",
    "Mode",
    "OwnData",
    "OwnImages",
    "OwnPoints",
    "Split",
    "ToySet",
    "as_array",
    "as_bits",
    "as_bytes",
    "check_own_name",
    "checked_conditions",
    "class_positions",
    "dataset_facts",
    "in_turn",
    "level_table",
    "load_dataset",
    "one_hot_labels",
]
