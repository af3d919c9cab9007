"""How the bundled weights were made: data, the sync expert, the lip-sync generator."""
