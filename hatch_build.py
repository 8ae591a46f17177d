"""Puts napari.yaml, which lives at the top of the repository, into the package."""

import shutil
from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ManifestHook(BuildHookInterface):
    """A wheel gets the manifest by force_include; an editable install, which is the source
    folder itself and ignores force_include, gets a copy that git ignores."""

    def initialize(self, version, build_data):
        source = Path(self.root, "napari.yaml")
        if version == "editable":
            shutil.copy(source, Path(self.root, "src", "napari_selfdenoise", "napari.yaml"))
        else:
            build_data["force_include"][str(source)] = "napari_selfdenoise/napari.yaml"
