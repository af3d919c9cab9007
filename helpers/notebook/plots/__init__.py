"""The notebooks' figures: each function draws one idea and returns a matplotlib figure, or a table
as HTML.
"""

from .bench import bench_figure
from .canvas import strip
from .faces import contact_sheet, hard_faces, smoothing, timeline
from .network import mask_view, network_input, network_view, own_mouths, seam
from .results import (
    before_after,
    difference_pairs,
    flicker,
    offsets,
    restoration,
    stage_times,
    strength,
)
from .sound import alignments, mel_windows, other_sounds, waveform_and_mel
from .tables import changes_table, probe_table, quality_table, table
from .training import augmentation, film_strips, losses, similarity
from .way import way

__all__ = [
    "alignments",
    "augmentation",
    "before_after",
    "bench_figure",
    "changes_table",
    "contact_sheet",
    "difference_pairs",
    "film_strips",
    "flicker",
    "hard_faces",
    "losses",
    "mask_view",
    "mel_windows",
    "network_input",
    "network_view",
    "offsets",
    "other_sounds",
    "own_mouths",
    "probe_table",
    "quality_table",
    "restoration",
    "seam",
    "similarity",
    "smoothing",
    "stage_times",
    "strength",
    "strip",
    "table",
    "timeline",
    "waveform_and_mel",
    "way",
]
