"""From a decoded picture to what is shown: fields, colours, alpha, size, time."""

from __future__ import annotations

from fractions import Fraction

from .info import MediaInfo
from .view import WHOLE, View

ASPECT_TOLERANCE = 0.01  # by which a picture may differ from the clip's shape: rounding
LEAST_SHIFT = 1e-6  # s

HD_LINES = 720  # from which on pictures that do not say it are taken for BT.709, as players do
HD_COLUMNS = 1280

# Without these swscale takes 1.2 levels off every colour, and colours run into one another.
EXACT = "flags=bicubic+accurate_rnd+full_chroma_int"
IN_PLANES = "gbrp,format=rgb24"  # the same numbers as rgb24 at once, in half the time
DEINTERLACE = "bwdif=mode=send_frame:deint=interlaced"
ON_WHITE = (
    "split[picture][copy];[copy]lutrgb=r=255:g=255:b=255:a=255[white];"
    "[white][picture]overlay=format=rgb,format=rgb24"
)
# Diffuse white of HDR is 203 cd/m2 (ITU-R BT.2408); mobius leaves what is below 0.8 of it as it is.
TONE_MAP = (
    "zscale=t=linear:npl=203,format=gbrpf32le,zscale=p=bt709,"
    "tonemap=tonemap=mobius:param=0.8:desat=0,zscale=t=bt709:r=pc,format=gbrp"
)


def picture_filters(
    info: MediaInfo, fps: Fraction, start: int, size: tuple[int, int], view: View
) -> str:
    """ffmpeg's filters from decoded pictures to frames of ``size`` at ``fps`` from ``start`` on."""
    filters = []
    if info.interlaced:
        filters.append(DEINTERLACE)

    if info.has_alpha:
        filters += [_rgb(info, "rgba"), ON_WHITE]

    fitted = size if view == WHOLE else (info.width, info.height)
    filters += _fit(info, *fitted)
    filters += _frame_times(info, fps, start)
    filters.append(TONE_MAP if info.is_hdr else _rgb(info))
    if fitted != _even(*fitted):
        filters.append(f"crop={fitted[0]}:{fitted[1]}:0:0")
    filters += view.filters(info)

    if view != WHOLE and size != view.size(info):
        filters.append(f"scale={size[0]}:{size[1]}:{EXACT}")

    return ",".join(filters)


def keeps_filters(info: MediaInfo) -> bool:
    """Do the filters bear pictures of another size in the same clip? ``_fit`` does if first."""
    return not (info.rotation or info.interlaced or info.has_alpha)


def _fit(info: MediaInfo, width: int, height: int) -> list[str]:
    """Scale to square pixels. A picture of another shape keeps its shape, amid black."""
    tolerance = max(ASPECT_TOLERANCE, 1 / info.width, 1 / info.height)
    shape = f"(dar*{info.height}/{info.width})"
    same = f"lt(abs({shape}-1),{tolerance:.4f})"
    across = f"if({same},{width},max(1,round({width}*min(1,{shape}))))"
    down = f"if({same},{height},max(1,round({height}*min(1,1/{shape}))))"
    columns, lines = _even(width, height)
    return [
        f"scale=w='{across}':h='{down}':eval=frame:{EXACT}",
        f"pad={columns}:{lines}:-1:-1:eval=frame",
    ]


def _even(width: int, height: int) -> tuple[int, int]:
    """The next size that a picture with halved colours can be padded to."""
    return width + width % 2, height + height % 2


def _rgb(info: MediaInfo, form: str = IN_PLANES) -> str:
    """Filters that make RGB of what is stored."""
    on_side = info.rotation % 180
    columns = info.height if on_side else info.width
    lines = info.width if on_side else info.height
    is_hd = lines >= HD_LINES or columns >= HD_COLUMNS
    matrix = "" if info.matrix or not is_hd else ":in_color_matrix=bt709"
    return f"scale={EXACT}{matrix},format={form}"


def _frame_times(info: MediaInfo, fps: Fraction, start: int) -> list[str]:
    """Frame n is the picture shown at n / fps; those of a constant rate are put amid their slot."""
    shift = info.lead
    if not info.variable:
        first = Fraction(info.start).limit_denominator(10**6)
        shift += float(first - round(first * fps) / fps)

    filters = [f"setpts=PTS-({shift:.9f})/TB"] if abs(shift) > LEAST_SHIFT else []
    begin = float(start / fps)
    return [*filters, f"fps=fps={fps.numerator}/{fps.denominator}:start_time={begin:.9f}"]
