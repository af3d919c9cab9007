"""One thing at a time, in a thread: progress, a button that stops it, what came out."""

from __future__ import annotations

import contextlib
import html
import io
import sys
import threading
import traceback
from collections.abc import Callable, Sequence

import ipywidgets

from ..errors import LipSyncError, Stopped
from ..timing import Progress
from .stages import in_words
from .start import INTERRUPTED

GREY = "var(--jp-ui-font-color2, #616161)"
RED = "var(--jp-error-color1, #d32f2f)"
ROW = {"flex_flow": "row wrap", "align_items": "center"}

Work = Callable[[], ipywidgets.Widget]


class Panel(ipywidgets.VBox):
    """Buttons in a row; what they start is shown under them. Nothing here needs a browser.

    ``main`` is the button that says *Go on* after a stop.
    """

    def __init__(self, main: ipywidgets.Button, others: Sequence[ipywidgets.Button] = ()):
        super().__init__()
        self.main = main
        self.others = tuple(others)
        self.caption = main.description
        self.stop_button = ipywidgets.Button(description="Stop", icon="stop", disabled=True)
        self.stop_button.on_click(lambda _: self.stop())
        self.bar = ipywidgets.FloatProgress(max=1, layout={"width": "200px"})
        self.status = ipywidgets.Label()
        self.remarks = ipywidgets.HTML()
        self.result = ipywidgets.VBox()

        self._stop_asked = threading.Event()
        self._thread: threading.Thread | None = None
        buttons = ipywidgets.HBox([*self.others, main, self.stop_button], layout=ROW)
        progress = ipywidgets.HBox([self.bar, self.status], layout=ROW)
        self.children = [buttons, progress, self.remarks, self.result]

    def start(self, work: Work) -> None:
        """Do some work in a thread; the widget that it returns is shown, or why there is none."""
        if not self.main.disabled:
            self._stop_asked.clear()
            self._set_busy(True)
            self.result.children = ()
            self._thread = threading.Thread(target=self._do, args=(work,), daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Ask the work to stop at its next batch."""
        self._stop_asked.set()
        self.stop_button.disabled = True
        self.status.value = "stopping after this batch"

    def wait(self) -> None:
        """Until the work has ended."""
        if self._thread:
            self._thread.join()

    def progress(self, before: str = "") -> Progress:
        """A progress callback for the work, which raises Stopped where a stop was asked for."""
        return in_words(self.tell, before)

    def tell(self, text: str, share: float) -> None:
        """Show how far the work is. Raises Stopped."""
        if self._stop_asked.is_set():
            raise Stopped(INTERRUPTED)
        self.bar.value = share
        self.status.value = text

    def _set_busy(self, busy: bool) -> None:
        for button in (self.main, *self.others):
            button.disabled = busy
        self.stop_button.disabled = not busy

    def _do(self, work: Work) -> None:
        heard = io.StringIO()
        self.main.description = self.caption
        try:
            self.tell("looking at the files", 0)
            with contextlib.redirect_stderr(heard):
                shown = work()
        except KeyboardInterrupt as error:
            self.status.value = str(error) or INTERRUPTED
            self.main.description = "Go on"
        except Exception as error:
            self.status.value = "nothing was made"
            self.result.children = (line(in_one_line(error), RED),)
        else:
            self.result.children = (shown,)
        finally:
            self.remarks.value = markup("\n".join(dict.fromkeys(heard.getvalue().splitlines())))
            self._set_busy(False)


def in_one_line(error: Exception) -> str:
    """What a user is told of an error; the stack of calls of one of ours goes to the terminal."""
    if isinstance(error, LipSyncError):
        return str(error)
    traceback.print_exception(error, file=sys.__stderr__)
    return f"this should not happen ({type(error).__name__}: {error}); other files may work"


def line(text: str, colour: str = GREY) -> ipywidgets.HTML:
    """A line of text as a widget."""
    return ipywidgets.HTML(markup(text, colour))


def markup(text: str, colour: str = GREY) -> str:
    """Text, escaped, in a colour."""
    shown = html.escape(text).replace("\n", "<br>")
    return f'<div style="line-height: 1.35; color: {colour}">{shown}</div>' if text else ""
