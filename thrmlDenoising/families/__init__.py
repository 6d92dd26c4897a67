"""Families of models. They know nothing of each other."""
