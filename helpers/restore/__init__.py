"""The restorers: what happens to a face after its mouth was drawn."""
