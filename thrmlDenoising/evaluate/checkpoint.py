"""All there is to measure of one checkpoint."""

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from thrmlDenoising import __version__
from thrmlDenoising.DTM import DTM
from thrmlDenoising.evaluate.text import cell, parser
from thrmlDenoising.families.dtm.autocorrelation import SWEEPS_PER_SAMPLE, AutocorrelationCurve
from thrmlDenoising.families.dtm.config.dtm_config import DTMConfig
from thrmlDenoising.families.dtm.mixing import Mixing
from thrmlDenoising.families.dtm.task import Task
from thrmlDenoising.runs import RunFolder
from thrmlDenoising.support.files import check_can_be_written, write_json
from thrmlDenoising.support.imports import parse_trusting
from thrmlDenoising.support.markdown import table
from thrmlDenoising.support.paths import user_path


def checkpoint_command(words: list[str]) -> None:
    """Measures all there is of a checkpoint; prints it, and writes it as JSON into the run."""
    given = _parse(words)
    dtm = DTM.load(given.run, given.epoch)
    output = given.output or _place_in(RunFolder.open(given.run), dtm.epoch)
    check_can_be_written(output, "--output")
    task = Task(_changed(dtm.cfg, given))
    content: dict[str, Any] = {"thrmlDenoising": __version__, "epoch": dtm.epoch}
    for mode in task.modes:
        report = task.quality_of(dtm.epoch, dtm.steps, mode, given.images_per_class)
        print(f"\n## {mode} images of epoch {dtm.epoch}\n\n{report}", flush=True)
        content[mode] = report.to_dict()
        write_json(output, content)  # should what follows fail, this is kept
    energy = dtm.hardware_energy()
    print(f"\n## Energy on the paper's hardware\n\n{energy}", flush=True)
    content["hardware_energy"] = energy.to_dict()
    write_json(output, content)
    mixing = task.mixing(dtm.epoch, dtm.steps)
    curves = task.autocorrelations(dtm.epoch, dtm.steps)
    print(f"\n## Mixing\n\n{_mixing_table(mixing, curves)}\n")
    content["mixing"] = {
        "beta": task.cfg.sampling.training_beta,
        "sweeps_per_sample": SWEEPS_PER_SAMPLE,
        "steps": [_mixing_numbers(*step) for step in zip(mixing, curves, strict=True)],
    }
    write_json(output, content)
    print(f"written to {output}")


def _place_in(run: RunFolder, epoch: int) -> Path:
    """The file in the run folder; raises OSError if its folder is a link that leads elsewhere."""
    run.refuse_links()
    return run.full_evaluation(epoch)


def _parse(words: list[str]) -> Namespace:
    arguments = parser("")
    arguments.add_argument("run", type=user_path, help="run folder")
    arguments.add_argument("--epoch", type=int, help="the last complete one if left out")
    arguments.add_argument("--images-per-class", type=int, help="that of the config")
    arguments.add_argument("--extractors", nargs="+", help="those of the config")
    arguments.add_argument("--inception-weights", help="file with the weights of FID's network")
    arguments.add_argument("--data-dir", help="folder with the full data sets on this machine")
    arguments.add_argument(
        "--output", type=user_path, help="evaluations/epochN_full.json if left out"
    )
    return parse_trusting(arguments, words)


def _changed(cfg: DTMConfig, given: Namespace) -> DTMConfig:
    """The config with what the command line says, and dtm-replication's autocorrelation: the
    textbook one is in the mixing times.
    """
    evaluation = {"extractors": given.extractors, "inception_weights": given.inception_weights}
    return cfg.replace(
        exp=dict(autocorr_protocol="replication"),
        data={} if given.data_dir is None else dict(data_dir=given.data_dir),
        evaluation={name: value for name, value in evaluation.items() if value is not None},
    )


def _mixing_table(mixing: Sequence[Mixing], curves: Sequence[AutocorrelationCurve]) -> str:
    head = [
        "step",
        "autocorrelation (replication)",
        "integrated time (sweeps)",
        "independent samples of a chain",
        "slowest decay (sweeps)",
    ]
    rows = [
        [
            str(index),
            f"{curve.tail:.3g}",
            cell(step.integrated_time),
            cell(step.effective_sample_size),
            cell(step.slowest_decay),
        ]
        for index, (step, curve) in enumerate(zip(mixing, curves, strict=True))
    ]
    frozen = [
        f"step {index} is frozen: {curve.in_words}"
        for index, curve in enumerate(curves)
        if curve.is_frozen
    ]
    return "\n".join([table([head, *rows]), *frozen])


def _mixing_numbers(step: Mixing, replication: AutocorrelationCurve) -> dict[str, Any]:
    """Times in sweeps; curves over samples."""
    return {
        "replication_autocorrelation": replication.tail,
        "replication_curve": replication.values.tolist(),
        "share_of_chains_that_never_moved": replication.still,
        "curve": step.curve.values.tolist(),
        "standard_errors": step.standard_errors.tolist(),
        "integrated_time": step.integrated_time._asdict(),
        "effective_sample_size_of_a_chain": step.effective_sample_size._asdict(),
        "slowest_decay": step.slowest_decay._asdict(),
        "fitted_lags": step.window,
    }
