"""How the bundled weights were made: data, the sync expert, the generator, the restorer."""
