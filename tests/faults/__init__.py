"""Runs that are killed, stopped, starved and fed with garbage; see ``__main__``."""
