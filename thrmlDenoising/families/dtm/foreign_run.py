"""Run folders of dtm-replication: of our layout, and yet they cannot be loaded."""

from pathlib import Path

from thrmlDenoising.families.dtm.config import DTMConfig
from thrmlDenoising.runs import CheckpointError, RunFolder
from thrmlDenoising.support.hints import shortened

_PAGE = "docs/coming_from_dtm_replication.md"
_OURS_ALONE = ("manifest.json", "history.json", "config.yaml", "step_*_graph.npz")


def refuse_run_of_dtm_replication(run: RunFolder) -> None:
    """Checks that a run folder was not made by dtm-replication.

    A checkpoint there is step_00.eqx, step_01.eqx, ... and nothing else. One of ours that is
    damaged has at least one more of its files left.

    Raises:
        CheckpointError: it was; says what to do.
    """
    checkpoints = [path for path in run.model_saving.glob("epoch_*") if path.is_dir()]
    theirs = [path for path in checkpoints if any(path.glob("step_*.eqx"))]
    if not theirs or any(_is_ours(path) for path in checkpoints):
        return
    raise CheckpointError(
        f"{run.root} is a run of dtm-replication, and its models cannot be loaded here: "
        f"{theirs[0].name} holds step_*.eqx alone, the parameters. Which node of the lattice each "
        "of them belongs to, and which nodes are pixels, is in no file: dtm-replication draws the "
        "graph again from the seed of its config when it loads, with its own code, and here the "
        "same seed draws another graph. Train the same setting here (a checkpoint of this library "
        f"holds its graphs): {_how_to_train(run.config)} {_PAGE} says what each field is called."
    )


def _is_ours(checkpoint: Path) -> bool:
    return any(any(checkpoint.glob(name)) for name in _OURS_ALONE)


def _how_to_train(config: Path) -> str:
    """What becomes of its config here."""
    try:
        DTMConfig.load(config)
    except (ValueError, OSError) as error:
        return (
            f"its config cannot be read as it is ({shortened(error)}), so copy its values into "
            "make_cfg(...)."
        )
    return f"DTM(DTMConfig.load({str(config)!r})).train(...)."
