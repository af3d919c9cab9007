"""Video, sound and pictures, through ffmpeg."""

from .ffmpeg import ffmpeg_exe, file_url, partial_path
from .probing import MediaInfo, View, default_fps, frame_count, probe
from .read import SAMPLE_RATE, prefetch, read_audio, read_frames, read_indexed
from .write import join_videos, mux, write_video

__all__ = [
    "SAMPLE_RATE",
    "MediaInfo",
    "View",
    "default_fps",
    "ffmpeg_exe",
    "file_url",
    "frame_count",
    "join_videos",
    "mux",
    "partial_path",
    "prefetch",
    "probe",
    "read_audio",
    "read_frames",
    "read_indexed",
    "write_video",
]
