"""A walk through the app as somebody sees it: Voila's page in a headless Chromium."""

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from support import spoken_clip, tone, write_wave

from helpers import media, params

pytest.importorskip("voila")
playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM, reason="there is no chromium"),
]

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE = 60_000  # ms
WIDTHS = (1280, 390)  # px
PLAY = """async () => {
    const video = [...document.querySelectorAll('.lips-app video')].at(-1);
    video.muted = true;
    const played = new Promise((done) => video.addEventListener('timeupdate', () => {
        if (video.currentTime > 0) done(video.videoWidth);
    }));
    await video.play();
    return played;
}"""


@pytest.fixture
def address(tmp_path):
    """Voila's, started in a folder of its own."""
    shutil.copy(params.ROOT / "notebooks" / "00_app.ipynb", tmp_path)
    paths = [str(params.ROOT), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | dict(PYTHONPATH=os.pathsep.join(paths), PYTHONUNBUFFERED="1")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    command = [sys.executable, "-m", "voila", "00_app.ipynb", "--no-browser", f"--port={port}"]
    process = subprocess.Popen(
        [*command, "--Voila.ip=127.0.0.1"],
        cwd=tmp_path,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        found = (re.search(r"http://127\.0\.0\.1:[1-9]\d*/", said) for said in process.stderr)
        yield next(match[0] for match in found if match)
    finally:
        process.terminate()
        process.communicate()


@pytest.fixture
def page(address, tmp_path):
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch_persistent_context(
            tmp_path / "browser",
            executable_path=CHROMIUM,
            args=FLAGS,
            viewport=dict(width=WIDTHS[0], height=1400),
        )
        shown = browser.pages[0]
        shown.set_default_timeout(PATIENCE)
        shown.goto(address, timeout=PATIENCE)
        shown.locator(".lips-drop-audio").wait_for()
        yield shown
        browser.close()


def drop(page, selector: str, path: Path) -> None:
    """Drop a file on an element, as a hand does."""
    box = page.locator(selector).bounding_box()
    place = dict(x=box["x"] + box["width"] / 2, y=box["y"] + box["height"] / 2)
    data = dict(items=[], files=[str(path)], dragOperationsMask=1)
    session = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", dict(type=kind, data=data, **place))


def press(page, name: str) -> None:
    page.get_by_role("button", name=name).click()


def wait_for(page, words: str) -> str:
    """The text that holds these words, once it is there."""
    found = page.get_by_text(words).filter(visible=True).last
    found.wait_for()
    return found.inner_text()


def test_a_walk_through_the_app(page, tmp_path):
    clip = Path(spoken_clip(tmp_path / "clip.mp4", 0.0, 1.2))
    speech = write_wave(tmp_path / "speech.wav", tone(1.2))
    drop(page, ".lips-drop-video", clip)
    page.locator(".lips-zones video").wait_for()
    with page.expect_file_chooser() as chooser:
        page.locator(".lips-drop-audio").click()
    chooser.value.set_files(speech)
    page.locator(".lips-zones audio").wait_for()
    assert page.locator(".lips-busy").count() == 0
    press(page, "fast")

    press(page, "Preview 3 seconds")
    wait_for(page, "this is how it will be")
    assert page.evaluate(PLAY) == 480

    press(page, "Make it talk")
    press(page, "Stop")
    wait_for(page, "run again to go on")
    press(page, "Go on")
    folder = wait_for(page, "done: ").removeprefix("done: ")
    assert page.evaluate(PLAY) == 480

    with page.expect_download() as download:
        page.locator(".lips-download").click()
    download.value.save_as(tmp_path / "download.mp4")
    assert download.value.suggested_filename == f"{Path(folder).name}.mp4"
    result = tmp_path / folder / "lipsync.mp4"
    assert (tmp_path / "download.mp4").read_bytes() == result.read_bytes()
    assert media.probe(result).frames == 30
    page.get_by_text("Side by side").click()
    wait_for(page, "From the left: the source, lipsync.")

    wrong = tmp_path / "wrong.mp4"
    wrong.write_text("words")
    drop(page, ".lips-drop-video", wrong)
    assert "wrong.mp4 is not a video" in wait_for(page, "is not a video")
    assert "Traceback" not in page.inner_text("body")

    second = Path(spoken_clip(tmp_path / "second.mp4", 1.0, 0.4))
    drop(page, ".lips-drop-video", second)
    wait_for(page, "second.mp4, ")
    for width in WIDTHS:
        page.set_viewport_size(dict(width=width, height=1400))
        page.wait_for_function(f"document.querySelector('.lips-app').scrollWidth <= {width}")
    press(page, "Make it talk")
    wait_for(page, "done: runs/second-speech-")
