"""What takes long to import is imported by those who need it."""

import pytest
from tiny import REPOSITORY, finished, python

SAMPLES = """
import sys
from tiny import tiny_cfg
from thrmlDenoising import DTM

LATE = "thrml", "matplotlib", "scipy.stats"
print(DTM(tiny_cfg(sampling=dict(backend="auto"))).sample(1).shape)
print([name for name in LATE if name in sys.modules])
"""

NEEDS_ALL = """
import numpy as np
from thrmlDenoising.plots.fonts import font_for
from thrmlDenoising.quality.bootstrap import share_estimate
from thrmlDenoising.sampling import sampler_type

font_for("a")
share_estimate(np.array([True]))
sampler_type("thrml")
print([name for name in LATE if name in sys.modules])
"""


@pytest.mark.slow
def test_a_model_samples_without_what_draws_measures_or_serves_another_sampler():
    program = SAMPLES + NEEDS_ALL
    _, before, after = finished(
        python("-c", program, PYTHONPATH=f"{REPOSITORY}:{REPOSITORY / 'tests'}")
    ).splitlines()
    assert before == "[]"
    assert after == "['thrml', 'matplotlib', 'scipy.stats']"
