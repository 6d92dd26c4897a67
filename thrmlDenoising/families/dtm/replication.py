"""Names of dtm-replication that this library has under another name, or not at all.

`docs/coming_from_dtm_replication.md` has all names of both.
"""

DTM_NAMES = {
    "key": "randomness comes from cfg.exp.seed; sample, class_images and gen_images take a key",
    "do_draw_and_fid": "eval_epoch(epoch) draws and measures, quality(mode) measures alone",
    "save_fid_plot": "training draws fid_vs_epoch.png; fids_dict over eval_epochs has its numbers",
    "save_autocorr_plot": "training and compute_autocorr draw autocorrelation_vs_lags/; "
    "steps[i].autocorrelations has the numbers by epoch",
    "train_from_iterator": "train(n_epochs, batches=...) takes batches from a stream",
    "_run_denoising": "class_images(key, mode, n_per_class) has the states of all steps",
    "_get_new_key": "make and split keys of your own with jax.random",
    "_smoke_eval_epoch": "eval_epoch(epoch) measures the exact accuracy of toy sets",
}
"""Attributes of the class `DTM`."""

GIF_ARGUMENTS = {
    "frame_stride": "steps_per_sample says how many sweeps lie between two frames",
    "fps": "write_gif of thrmlDenoising.plots has frames_per_second",
}
"""Arguments of `DTM.generate_gif`."""

STEP_NAMES = {
    "training_spec": "the schedule stands in cfg.sampling, the sampler is diffusion.sampler",
    "generation_spec": "the schedule stands in cfg.generation, the sampler is diffusion.sampler",
    "optim": "the settings stand in cfg.optim",
    "opt_state": "it is state.optimizer",
    "start_time": "thrmlDenoising.processes.time_grid(kind, n_steps) has the intervals",
    "end_time": "thrmlDenoising.processes.time_grid(kind, n_steps) has the intervals",
    "image_diffusion_rate": "it is cfg.diffusion_rates.image_rate",
    "label_diffusion_rate": "it is cfg.diffusion_rates.label_rate",
    "diffusion_offset": "it is cfg.diffusion_schedule.diffusion_offset",
    "model": "its parameters are steps[i].weights, one for each edge of steps[i].graph.edges, and "
    "steps[i].biases, one for each node; its Ising machine, with the fixed couplings to the input, "
    "is steps[i].machine",
    "base_graph_manager": "it is manager",
    "n_grayscale_levels": "it is manager.n_levels",
    "n_image_pixels": "it is manager.n_pixels",
    "n_label_nodes": "it is manager.n_label_nodes",
    "autocorrelation_vectors": "DTM.compute_autocorr draws them in autocorrelation_vs_lags/",
    "compute_autocorr": "DTM.compute_autocorr measures all steps",
    "denoise": "DTM.class_images(key, mode, n_per_class) runs the chain of all steps",
    "train_step_model": "DTM.train(n_epochs) trains all steps, each by itself",
}
"""Attributes of a step, `DTM.steps[i]`."""

UTILS_NAMES = {
    "load_dataset": "thrmlDenoising.data.load_dataset reads data sets",
    "one_hot": "it is thrmlDenoising.data.one_hot_labels",
    "one_hot_repeated_from_ints": "it is thrmlDenoising.data.one_hot_labels",
    "draw_image_batch": "thrmlDenoising.plots.tile_images lays images out",
    "draw_single_image": "thrmlDenoising.plots.tile_images lays images out",
    "denoise_arrays_to_gif": "DTM.generate_gif draws animations",
    "extend_params_or_zeros": "it is cfg.per_step(values)",
    "adapt_param": "the rules of the controllers are in thrmlDenoising.families.dtm.controllers",
    "config_to_yaml_dict": "cfg.to_yaml() writes a config",
    "load_yaml_config_from_dict": "DTMConfig.from_yaml(text) and DTMConfig.load(file) read one",
    "batch_sample": "the samplers are in thrmlDenoising.sampling",
    "write": "DTM.open_run().log(text) writes into the training log",
    "create_dummy_dataset_for_iterator": "streams need none: DTM.train(n_epochs, batches=...)",
    "smoke_test_data_dict": "a toy set of your own is ToySet(name, images) of thrmlDenoising.data, "
    "given as DTM(smoke_testing_cfg(toy), data=toy)",
}
"""Names of the module `utils`."""

SMOKE_TESTING_NAMES = {"smoke_test_data_dict": UTILS_NAMES["smoke_test_data_dict"]}
"""Names of the module `smoke_testing`."""
