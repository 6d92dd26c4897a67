"""Block Gibbs sampling by thrml: the reference."""
