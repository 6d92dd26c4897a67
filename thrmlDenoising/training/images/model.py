"""What every family of image models is, besides what every model is."""

from collections.abc import Callable, Iterator, Sequence

from thrmlDenoising.data import Mode
from thrmlDenoising.quality import DISTANCE_METRICS, QualityReport
from thrmlDenoising.runs import History
from thrmlDenoising.training.images.judging import Judge
from thrmlDenoising.training.images.maker import ImageMaker
from thrmlDenoising.training.images.pictures import animations
from thrmlDenoising.training.model import S, no_look
from thrmlDenoising.training.results import AUTOCORRELATION, Cost, Draw, Evaluation


class ImageModel(ImageMaker[S]):
    """A model of images of some family; see `ImageMaker` for what it has to write."""

    @property
    def examples_in_words(self) -> str:
        """What it is trained on, for the log."""
        return f"{len(self.data.train.pixels)} images in memory"

    def cost(self) -> Cost:
        """What an epoch costs; by default in training images seen."""
        return Cost("training images", self.cfg.n_train)

    def tabled(self, history: History) -> Sequence[str]:
        """Distances, which all comparisons rest on, and how slow chains are, if there are any."""
        return (AUTOCORRELATION, *DISTANCE_METRICS)

    # ------------------------------------------------------------------ how it is judged

    def prepare(self) -> None:
        """Reads the images, and whatever looks at them, for one may be missing."""
        _ = self.data, Judge(self).suite

    def evaluate(self, state: S, look: Callable[[], None] = no_look) -> Evaluation:
        """Images in every mode, judged and drawn."""
        return Judge(self).evaluate(state, look)

    def reports(self, state: S, n: int | None = None) -> Iterator[tuple[Mode, QualityReport]]:
        """Images in every mode, judged; `n` are generated of every class."""
        for mode in self.modes:
            yield mode, Judge(self).report(state, mode, n)

    def animations(self, state: S) -> dict[str, Draw]:
        """Images on their way in every mode, if the config wants them."""
        return animations(self, state) if self.cfg.exp.generate_gif else {}
