"""How fast this machine samples, trains and generates: `python -m benchmarks.samplers`."""
