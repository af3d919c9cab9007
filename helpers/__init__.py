"""Lip-sync library behind the notebooks: one module a stage, data flows from ``media`` to ``run``."""

__version__ = "0.9.1"


def _keep_freed_memory() -> None:
    """Tell glibc to keep freed memory, not to map and clear it anew: networks on CPU gain up to four times from it."""
    import ctypes
    import sys

    if sys.platform == "linux":
        try:
            mallopt = ctypes.CDLL(None).mallopt
        except AttributeError:  # another C library
            return
        trim_threshold, top_pad, mmap_max = -1, -2, -4
        mallopt(mmap_max, 0)
        mallopt(trim_threshold, 1 << 30)
        mallopt(top_pad, 64 << 20)


_keep_freed_memory()
