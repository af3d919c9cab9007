"""The app: two files, one button. The same in Voila, JupyterLab and on Colab."""

from __future__ import annotations

from pathlib import Path

import ipywidgets
from IPython.display import HTML, display

from .. import media, run
from ..errors import ParameterError
from ..params import FIELDS, Params
from ..restore.base import choose_restorer
from . import glance, player, videos
from .panel import RED, Panel, markup
from .people import People, jpeg_url, portraits_of, with_boxes
from .settings import Settings
from .zones import Zone

HERE = Path(__file__).resolve().parent
SEEN_BY = ("rotate", "crop", "box", "detector")  # what changes the faces that are found

# the restorer of each, and what it costs
PRESETS = {
    "fast": ("none", "One pass over the clip: the lips alone."),
    "balanced": (
        "compact",
        "Two passes, up to twice the time of fast: the second one mends soft mouths.",
    ),
    "best": (
        "auto",
        "Two passes; GFPGAN draws the face anew in the second: about 2 s a frame without a GPU.",
    ),
}
WITHOUT_GFPGAN = "Needs GFPGAN's weights, which notebook 01 fetches; without them as balanced."
TITLE = """\
<h1>Make it talk</h1>
<p>A video of somebody and a recording of speech go in; the video comes back with lips that follow
the speech. Only for people who have agreed to it.</p>"""
ELSEWHERE = ("1", "4")  # parameters of the weights and of the training
NO_FACE = "No face was found in the frames looked at."


def show(p: Params, folder: str = "runs") -> None:
    """Show the app, with the inputs of ``p``; uploads and run folders land in ``folder``."""
    style = (HERE / "app.css").read_text(encoding="utf-8")
    script = (HERE / "app.js").read_text(encoding="utf-8")
    display(HTML(f"<style>{style}</style><script>{script}</script>"))
    app = App(folder)
    app.take(p.video, p.audio)
    display(app)


class App(ipywidgets.VBox):
    """Everything that ``show`` shows. Nothing here needs a browser."""

    def __init__(self, folder: str = "runs"):
        super().__init__()
        names = [name for name, field in FIELDS.items() if field.metadata["where"] not in ELSEWHERE]
        self.settings = Settings(names, Params(run_dir=str(Path(folder, "app"))))
        controls = self.settings.controls
        self.people = People(controls["face"])
        uploads = Path(folder, "uploads")
        self.video = Zone("video", controls["video"], uploads, self._look_at_video)
        self.audio = Zone("audio", controls["audio"], uploads, player.sound_tag)

        self.sample_button = ipywidgets.Button(description="Try the sample", icon="magic")
        self.preview_button = ipywidgets.Button(description="Preview 3 seconds", icon="eye")
        self.run_button = ipywidgets.Button(
            description="Make it talk", icon="play", button_style="primary"
        )
        self.panel = Panel(self.run_button, [self.preview_button])
        self.quality = ipywidgets.ToggleButtons(options=list(PRESETS), value="balanced")
        self.cost = ipywidgets.HTML()
        self._listen()
        self._choose_quality()
        self.children = self._parts()
        self.add_class("lips-app")

    def _listen(self) -> None:
        self.sample_button.on_click(lambda _: self._take_sample())
        self.preview_button.on_click(lambda _: self.panel.start(self._preview))
        self.run_button.on_click(lambda _: self.panel.start(self._run))
        self.quality.observe(lambda _: self._choose_quality(), "value")
        for zone in (self.video, self.audio):
            zone.control.observe(lambda _: self._begin_anew(), "value")
        for name in SEEN_BY:
            self.settings.controls[name].observe(lambda _: self.video.show(), "value")

    def _parts(self) -> list[ipywidgets.Widget]:
        zones = ipywidgets.HBox([self.video, self.audio])
        zones.add_class("lips-zones")
        advanced = ipywidgets.Accordion([self.settings], selected_index=None)
        advanced.set_title(0, "Advanced: all parameters")

        quality = ipywidgets.VBox(
            [ipywidgets.HTML("<h2>3. How good</h2>"), self.quality, self.cost, advanced]
        )
        work = ipywidgets.VBox([self.panel])
        for card in (quality, work):
            card.add_class("lips-card")

        title = ipywidgets.HTML(TITLE)
        return [title, self.sample_button, zones, self.people, quality, work]

    def take(self, video: str, audio: str) -> None:
        """Choose files, as if they were dropped; an empty path is none."""
        self.video.control.value = video
        self.audio.control.value = audio

    def _take_sample(self) -> None:
        self.take(*(str(path) for path in run.SAMPLE_FILES.values()))

    def _begin_anew(self) -> None:
        self.run_button.description = self.panel.caption

    def _choose_quality(self) -> None:
        restorer, cost = PRESETS[self.quality.value]
        self.settings.controls["restorer"].value = restorer
        lacking = restorer == "auto" and choose_restorer(restorer) != "gfpgan"
        self.cost.value = markup(WITHOUT_GFPGAN if lacking else cost)

    def _look_at_video(self, path: str) -> str:
        """Markup of a video's player, its faces on the first frame; the people can be chosen."""
        self.people.show([])
        p = self.settings.params(video=path)
        info = media.probe(media.local_path(path))
        _, frames = glance.some_frames(p, info.path)
        faces = glance.faces_in(p, frames)
        self.people.show(portraits_of(frames, faces))

        first = jpeg_url(with_boxes(frames[0], faces[0]))
        shown = f'<img src="{first}">'
        if info.kind == "video":
            shown = player.video_tag(info.path, f'poster="{first}"')
        return shown if any(map(len, faces)) else shown + markup(NO_FACE, RED)

    def _params(self) -> Params:
        zones = (self.video, self.audio)
        if not all(zone.control.value.strip() for zone in zones):
            raise ParameterError("choose a video and a recording first, or try the sample")
        return self.settings.params(**{zone.name: zone.chosen() for zone in zones})

    def _preview(self) -> ipywidgets.Widget:
        return videos.show_preview(self._params(), self.panel, save=True)

    def _run(self) -> ipywidgets.Widget:
        return videos.make_videos(self._params(), self.panel)
