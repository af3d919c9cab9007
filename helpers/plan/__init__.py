"""The plan of a run: everything that is decided before a pixel is drawn."""
