"""Denoising Thermodynamic Models."""
