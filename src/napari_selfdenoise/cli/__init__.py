"""The command line: the same product without a window."""

from napari_selfdenoise.cli.app import main

__all__ = ["main"]
