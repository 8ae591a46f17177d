"""The viewer's side; the only place that imports napari, Qt and magicgui."""
