"""Models as packages of BioImage.IO, for other programs: written, and our own read back."""
