"""Arrays in, arrays out: planes, patches, tiles, normalisation, files."""
