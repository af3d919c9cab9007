"""Faces: found, followed, cut out, masked."""
