"""What the figures' experiments share: the published setting, and one that a laptop can do."""

from thrmlDenoising import DTMConfig, make_cfg
from thrmlDenoising.experiments import Changes

PUBLISHED = make_cfg(
    exp=dict(generate_gif=False),
    data=dict(dataset_name="fashion_mnist"),
    graph=dict(graph_preset_architecture="70_12", num_label_spots=10),
    sampling=dict(batch_size=400, n_samples=50, steps_per_sample=8, steps_warmup=400),
    generation=dict(steps_warmup=800),
    evaluation=dict(extractors=("classifier", "inception")),
    diffusion_schedule=dict(num_diffusion_steps=8, diffusion_offset=0.15),
    diffusion_rates=dict(image_rate=0.9, label_rate=0.2),
    optim=dict(step_learning_rates=(0.016,), alpha_cosine_decay=0.18, n_epochs_for_lrd=20),
    cp=dict(adaptive_cp=True, adaptive_threshold=0.008),
)
"""The setting of Figure 5b (arXiv 2510.23972): a DTM of eight steps with the adaptive penalty."""

PUBLISHED_ABLATION = PUBLISHED.replace(
    diffusion_schedule=dict(num_diffusion_steps=4),
    optim=dict(step_learning_rates=(0.022,), alpha_cosine_decay=0.2),
    cp=dict(adaptive_threshold=0.016),
)
"""The setting of Figure 5c; its graphs and chains are varied."""

LAPTOP = PUBLISHED.replace(
    data=dict(dataset_name="fashion_mnist_10k"),
    graph=dict(graph_preset_architecture="60_12", placement="local"),
    sampling=dict(batch_size=64, n_samples=10, steps_per_sample=6, steps_warmup=60),
    generation=dict(steps_warmup=200, fid_images_per_digit=100),
    evaluation=dict(extractors=("classifier",), bootstrap_replicates=20),
    diffusion_schedule=dict(num_diffusion_steps=2),
    diffusion_rates=dict(image_rate=1.6, label_rate=0.35),
    optim=dict(step_learning_rates=(0.015,), alpha_cosine_decay=0.05, n_epochs_for_lrd=14),
    cp=dict(correlation_penalty=(0.03,), adaptive_threshold=0.07, cp_min=0.02),
)
"""The same in miniature: 10,000 images, chains a sixth as long, and two steps, with rates at which
the noisier one starts from about as much noise as the last of many does. Visible nodes stand
locally, without which so short a training makes no clothes."""

LAPTOP_ABLATION = LAPTOP.replace(
    graph=dict(placement="scattered"),
    sampling=dict(steps_per_sample=3, steps_warmup=30),
    generation=dict(steps_warmup=120),
    diffusion_rates=dict(image_rate=1.2, label_rate=0.27),
    optim=dict(step_learning_rates=(0.01,), alpha_cosine_decay=0.2, n_epochs_for_lrd=4),
    cp=dict(correlation_penalty=(0.02,), adaptive_threshold=0.1),
)
"""The setting of Figure 5c in miniature, with visible nodes scattered as published."""


def longer_chains(cfg: DTMConfig, n: int) -> Changes:
    """Chains `n` times as long as those of `cfg`, in training as in generation."""
    return dict(
        sampling=dict(
            steps_warmup=n * cfg.sampling.steps_warmup,
            steps_per_sample=n * cfg.sampling.steps_per_sample,
        ),
        generation=dict(steps_warmup=n * cfg.generation.steps_warmup),
    )
