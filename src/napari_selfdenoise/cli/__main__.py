"""``python -m napari_selfdenoise.cli`` is ``napari-selfdenoise``."""

import sys

from napari_selfdenoise.cli.app import main

sys.exit(main())
