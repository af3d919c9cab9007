"""Measures of pictures, sync and speed."""
