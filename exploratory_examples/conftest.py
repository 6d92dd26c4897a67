"""The tests run every notebook at reduced settings."""

import os

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Sets what the notebooks look for; their kernels inherit the environment."""
    os.environ["THRML_DENOISING_QUICK"] = "1"
