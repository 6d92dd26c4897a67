"""Block Gibbs sampling compiled by XLA, for processors and accelerators alike."""
