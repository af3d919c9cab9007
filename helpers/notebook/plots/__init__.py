"""The notebooks' figures: each function draws one idea and returns a matplotlib figure, or a table
as HTML.
"""

from .bench import bench_figure
from .canvas import strip
from .faces import contact_sheet, smoothing, timeline
from .network import mask_view, network_input, network_view, own_mouths
from .results import before_after, difference_pairs, flicker, restoration, stage_times
from .sound import alignments, mel_windows, waveform_and_mel
from .tables import probe_table, quality_table, table
from .training import augmentation, losses, similarity

__all__ = [
    "alignments",
    "augmentation",
    "before_after",
    "bench_figure",
    "contact_sheet",
    "difference_pairs",
    "flicker",
    "losses",
    "mask_view",
    "mel_windows",
    "network_input",
    "network_view",
    "own_mouths",
    "probe_table",
    "quality_table",
    "restoration",
    "similarity",
    "smoothing",
    "stage_times",
    "strip",
    "table",
    "timeline",
    "waveform_and_mel",
]
