"""Weights: known, here, downloaded, verified, loaded."""

from .download import sha256
from .loading import audio_encoder, load, read_pickle, sync_expert, upstream_syncnet, voice_detector
from .obtain import fault, fetch, fetch_all
from .registry import AUTO, FOLDER, Found, entries, entry_of, here, locate, path_of, way_to_get

__all__ = [
    "AUTO",
    "FOLDER",
    "Found",
    "audio_encoder",
    "entries",
    "entry_of",
    "fault",
    "fetch",
    "fetch_all",
    "here",
    "load",
    "locate",
    "path_of",
    "read_pickle",
    "sha256",
    "sync_expert",
    "upstream_syncnet",
    "voice_detector",
    "way_to_get",
]
