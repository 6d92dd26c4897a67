"""The page for users of dtm-replication: its code runs, and it names everything there is."""

import importlib
import re
import warnings
from dataclasses import fields
from pathlib import Path

import pytest
from tiny import REPOSITORY

from thrmlDenoising import DTM, DTMConfig
from thrmlDenoising.families.dtm.replication import DTM_NAMES, STEP_NAMES, UTILS_NAMES

PAGE = (REPOSITORY / "docs/coming_from_dtm_replication.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
CODE = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL))
"""What stands in it as code, between words."""
FIELDS = {
    f"{section.name}.{field.name}"
    for section in fields(DTMConfig())
    for field in fields(getattr(DTMConfig(), section.name))
}


@pytest.mark.slow
def test_its_code_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    assert len(BLOCKS) == 3
    names: dict[str, object] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for block in BLOCKS:
            exec(block, names)


def test_it_has_every_field_of_the_config_and_no_other():
    assert FIELDS - set(CODE) == set()
    sections = {name.partition(".")[0] for name in FIELDS}
    named = {code for code in CODE if re.fullmatch(r"\w+\.\w+", code)}
    assert {name for name in named if name.partition(".")[0] in sections} - FIELDS == set()


def section(title: str) -> str:
    """What stands under a heading of the page."""
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def left(title: str) -> set[str]:
    """What stands as code in the left columns of a section's tables that end in "here"."""
    found: set[str] = set()
    for part in section(title).split("\n\n"):
        head, *rows = part.strip().splitlines() or [""]
        if head.endswith(" | here |"):
            cells = [row.split(" | ")[0] for row in rows]
            found.update(code for cell in cells for code in re.findall(r"`([^`]+)`", cell))
    return found


def names(codes: set[str]) -> set[str]:
    """What they begin with: load of `load(base_path)`, utils.one_hot of itself."""
    return {re.split(r"[^\w.]", code)[0] for code in codes}


# What dtm-replication documents: fields of its config, attributes and methods of its classes,
# functions of its modules, and files of its run folders.
THERE = {
    "Config": """
        exp.seed exp.graph_seeds exp.descriptor exp.n_cores exp.compute_autocorr exp.generate_gif
        exp.drawn_images_per_digit exp.animated_images_per_digit exp.steps_per_sample_in_gif
        data.dataset_name data.target_classes data.pixel_threshold_for_single_trials
        graph.graph_preset_architecture graph.num_label_spots graph.grayscale_levels graph.torus
        graph.base_graph_manager sampling.batch_size sampling.n_samples sampling.steps_per_sample
        sampling.steps_warmup sampling.training_beta generation.generation_beta_start
        generation.generation_beta_end generation.fid_images_per_digit generation.steps_warmup
        diffusion_schedule.num_diffusion_steps diffusion_schedule.kind
        diffusion_schedule.diffusion_offset diffusion_rates.image_rate diffusion_rates.label_rate
        optim.step_learning_rates optim.momentum optim.b2_adam optim.n_epochs_for_lrd
        optim.alpha_cosine_decay cp.correlation_penalty cp.adaptive_cp cp.cp_min
        cp.adaptive_threshold wd.weight_decay wd.adaptive_wd wd.wd_min""",
    "The class DTM": """
        DTM cfg steps n_image_pixels n_label_nodes n_grayscale_levels train_dataset test_dataset
        one_hot_target_labels logging_and_saving_dir log_file model_saving_path fids_dict
        eval_epochs base_graph_manager is_smoke_test key train train_from_iterator load save_epoch
        eval_epoch gen_images generate_gif compute_autocorr do_draw_and_fid save_fid_plot
        save_autocorr_plot _run_denoising _smoke_eval_epoch _get_new_key""",
    "Steps": """
        model.weights model.biases model.graph model.factors training_spec generation_spec
        start_time end_time image_diffusion_rate label_diffusion_rate n_grayscale_levels
        n_image_pixels n_label_nodes diffusion_offset optim opt_state autocorrelations
        autocorrelation_vectors base_graph_manager train_step_model denoise compute_autocorr""",
    "Modules": """
        utils.make_cfg utils.load_dataset utils.one_hot utils.one_hot_repeated_from_ints
        utils.draw_image_batch utils.draw_single_image utils.denoise_arrays_to_gif
        utils.extend_params_or_zeros utils.adapt_param utils.config_to_yaml_dict
        utils.load_yaml_config_from_dict utils.batch_sample utils.write
        smoke_testing.compute_conditional_accuracy smoke_testing.compute_free_accuracy
        smoke_testing.smoke_test_data_dict DTM_config step.DiffusionStep fid.fid.bootstrap_fid_fn
        base_graphs.abstract_base_graph_manager base_graphs.poisson_binomial_ising_graph_manager
        step_ebm sampling_specs annealing_graph_ising ising_training autocorr_fun""",
}
FILES = {
    "training_log_",
    "images/",
    "gifs/",
    "fid_vs_epoch.png",
    "autocorr_vs_epoch.png",
    "autocorrelation_vs_lags/",
    "model_saving/config.yaml",
    "model_saving/epoch_000/step_00.eqx",
}


@pytest.mark.parametrize("title", THERE)
def test_every_name_of_dtm_replication_stands_on_the_left(title: str):
    assert set(THERE[title].split()) - names(left(title)) == set()


def test_every_file_of_its_run_folders_stands_on_the_left():
    codes = left("The run folder")
    assert {file for file in FILES if not any(code.startswith(file) for code in codes)} == set()


def test_it_has_every_attribute_of_a_model():
    """As such, not as an argument or a word of something else."""
    codes = set(re.findall(r"`([^`\n]+)`", section("The class DTM").partition("```")[0]))
    assert {name for name in dir(DTM) if not name.startswith("_")} - names(codes) == set()


@pytest.mark.parametrize(
    ("title", "prefix", "told"),
    [
        ("The class DTM", "", DTM_NAMES),
        ("Steps", "", STEP_NAMES),
        ("Modules", "", UTILS_NAMES),
    ],
)
def test_it_has_every_name_that_is_told(title: str, prefix: str, told: dict[str, str]):
    there = names(left(title))
    if title == "Modules":  # where a name stands with its module
        there = {name.rpartition(".")[2] for name in there}
    assert {prefix + name for name in told} - there == set()


def test_what_it_says_can_be_imported_is_there():
    paths = set(re.findall(r"thrmlDenoising(?:\.\w+)+", " ".join([PAGE, *UTILS_NAMES.values()])))
    assert len(paths) > 5
    for path in paths:
        try:
            importlib.import_module(path)
        except ModuleNotFoundError:
            module, _, name = path.rpartition(".")
            assert hasattr(importlib.import_module(module), name), path


def test_modules_of_the_same_place():
    from thrmlDenoising.base_graphs.abstract_base_graph_manager import AbstractBaseGraphManager
    from thrmlDenoising.DTM_config import ExperimentConfig, SamplingScheduleConfig
    from thrmlDenoising.step import DiffusionStep

    dtm = DTM()
    assert isinstance(dtm.manager, AbstractBaseGraphManager)
    assert isinstance(dtm.cfg.exp, ExperimentConfig)
    assert isinstance(dtm.cfg.sampling, SamplingScheduleConfig)
    assert isinstance(dtm.steps[0].diffusion, DiffusionStep)


@pytest.mark.parametrize(("name", "told"), UTILS_NAMES.items())
def test_functions_that_are_elsewhere_are_told_on_import(name: str, told: str):
    with pytest.raises(ImportError, match=re.escape(f"{name!r} of dtm-replication: {told}")):
        exec(f"from thrmlDenoising.utils import {name}", {})
    with pytest.raises(ImportError, match="cannot import name 'nonsense'"):
        exec("from thrmlDenoising.utils import nonsense", {})
