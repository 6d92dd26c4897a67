"""Denoising Thermodynamic Models: chains of small Ising machines."""
