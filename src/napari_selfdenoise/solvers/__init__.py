"""Numerics without training."""
