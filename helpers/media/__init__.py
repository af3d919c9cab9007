"""Video, sound and pictures, through ffmpeg."""

from .audio import SAMPLE_RATE, read_audio
from .encoders import choose_codec
from .ffmpeg import ffmpeg_exe, file_url, partial_path
from .info import MediaInfo, default_fps, frame_count
from .paths import local_path
from .prefetch import map_ahead, prefetch
from .probing import probe
from .read import read_frames, read_indexed, read_whole
from .view import View
from .write import COMMENT, Codec, cut_sound, mux, write_video

__all__ = [
    "COMMENT",
    "SAMPLE_RATE",
    "Codec",
    "MediaInfo",
    "View",
    "choose_codec",
    "cut_sound",
    "default_fps",
    "ffmpeg_exe",
    "file_url",
    "frame_count",
    "local_path",
    "map_ahead",
    "mux",
    "partial_path",
    "prefetch",
    "probe",
    "read_audio",
    "read_frames",
    "read_indexed",
    "read_whole",
    "write_video",
]
