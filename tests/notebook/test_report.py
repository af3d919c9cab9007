"""The report of a run, as a file, as JSON and in a browser."""

import base64
import http.server
import json
import queue
import re
import shutil
import subprocess
import threading
from pathlib import Path
from urllib.parse import unquote

import cv2
import numpy as np
import pytest
from safetensors import safe_open
from safetensors.torch import save_file
from support import FACE_BOX, made_clip, tone, write_wave

from helpers import checkpoints, params, run
from helpers.cli import main
from helpers.errors import RunError
from helpers.notebook import report, verdicts

FACE_SECTIONS = {"strip", "flicker", "timeline", "sound", "mouths", "network", "mask"}


def sections(page: str) -> list[str]:
    return re.findall(r'<section id="(\w+)">', page)


def embedded(page: str) -> list[np.ndarray]:
    data = re.findall(r'"data:image/\w+;base64,([^"]+)"', page)
    return [
        cv2.imdecode(np.frombuffer(base64.b64decode(d, validate=True), np.uint8), cv2.IMREAD_COLOR)
        for d in data
    ]


def videos(page: str) -> list[bytes]:
    """The videos in the page."""
    data = re.findall(r'src="data:video/mp4;base64,([^"]+)"', page)
    return [base64.b64decode(text, validate=True) for text in data]


def linked(page: str) -> list[str]:
    """What is not in the page itself."""
    links = re.findall(r'(?:src|href)="([^"]+)"', page)
    return [unquote(link) for link in links if not link.startswith("data:")]


def test_a_whole_run(small_run, tmp_path):
    video = made_clip(tmp_path / "a <b> & 'c'.mkv")
    _, p = small_run(video, crf=30)
    run.restore(params.build(run_dir=p.run_dir, strength=0.8))
    folder = Path(p.run_dir)
    before = run.read(folder)
    page = report.write(folder).read_text()
    assert sections(page) == list(report.SECTIONS)  # the test picture moves enough to lend "mouths"
    pictures = embedded(page)
    assert len(pictures) == 11  # first frames of three videos, eight figures
    assert all(picture.std() > 5 for picture in pictures)
    assert linked(page) == ["lipsync.mp4", "restored.mp4"]
    results = [(folder / name).read_bytes() for name in linked(page)]
    assert videos(page)[1:] == results and len(videos(page)) == 3
    assert "a &lt;b&gt; &amp; &#39;c&#39;.mkv" in page and "a <b>" not in page
    assert "crf = 30" in page and "compact, strength 0.8" in page and "no limit on the use" in page
    assert not re.search(
        r"(src|href)=\"(?!data:)[^\"]*//|@import|url\(", page
    )  # nothing from elsewhere
    made = {name: checkpoints.sha256(folder / name) for name in ("report.html", "quality.json")}
    assert run.read(folder) == before | dict(files=before["files"] | made)
    assert {x.name for x in folder.iterdir()} == {
        "lipsync.mp4", "restored.mp4", "plan.npz", "run.json", "report.html", "quality.json",
    }  # fmt: skip
    facts = json.loads((folder / "quality.json").read_text())
    assert [row["video"] for row in facts["quality"]] == ["source", "lipsync", "restored"]
    assert facts["inputs"]["video"] == dict(
        file=Path(video).name, bytes=Path(video).stat().st_size, sha256=checkpoints.sha256(video)
    )
    assert facts["weights"]["name"] == "compact" and facts["parameters"]["strength"] == 0.8
    assert {k for row in facts["quality"] for k in row} - {"video"} <= set(verdicts.MEANINGS)
    assert 'class="right">like a true clip</td>' in page


def test_a_run_without_a_face(small_run, pretend_faces):
    pretend_faces(lambda n: False)
    _, p = small_run(box="", allow_no_face=True)
    page = report.write(p.run_dir).read_text()
    assert set(sections(page)) == set(report.SECTIONS) - FACE_SECTIONS
    assert "No frame has a usable face" in page and "re-drawn by software" not in page
    assert all(picture.std() > 5 for picture in embedded(page)) and linked(page) == ["lipsync.mp4"]


def test_given_rows_are_written_as_json_that_all_can_read(small_run):
    _, p = small_run(length="shortest")
    rows = [
        dict(video="source", frames=50),
        dict(video="lipsync", frames=50, psnr_outside=float("inf"), new_one=0.25),
    ]
    page = report.write(p.run_dir, rows).read_text()
    cells = re.sub(r"\s+(?=<)", "", page)
    assert "<td>new one</td><td></td><td>0.25</td>" in cells

    def refuse(name):
        pytest.fail(f"{name} is not JSON")

    text = Path(p.run_dir, "quality.json").read_text()
    got = json.loads(text, parse_constant=refuse)["quality"]
    assert got == [rows[0], rows[1] | dict(psnr_outside=None)]


def test_a_folder_without_a_result_is_told(tmp_path, capsys):
    video, speech = made_clip(tmp_path / "clip.mkv"), write_wave(tmp_path / "s.wav", tone(1.0))
    run.open_folder(params.build(video=video, audio=speech, run_dir=tmp_path / "run", box=FACE_BOX))
    assert main(["report", str(tmp_path / "run")]) == 2
    assert "no finished video yet" in capsys.readouterr().err
    assert [x.name for x in (tmp_path / "run").iterdir()] == ["run.json"]


def test_other_weights_than_the_run_had_are_told(small_run, tmp_path):
    own = tmp_path / "own.safetensors"
    shutil.copy(checkpoints.FOLDER / "wav2lip-compact.safetensors", own)
    _, p = small_run(checkpoint=str(own))
    with safe_open(own, "pt") as file:
        state, facts = {key: file.get_tensor(key) for key in file.keys()}, file.metadata()  # noqa: SIM118
    save_file(state, own, facts | dict(note="another file"))
    with pytest.raises(RunError, match="own.safetensors has changed"):
        report.write(p.run_dir, [])
    assert not Path(p.run_dir, "report.html").exists()


LOOK = """
addEventListener("load", async () => {
  const videos = [];
  for (const v of document.querySelectorAll("video")) {
    const seen = { ready: v.readyState, width: v.videoWidth, duration: v.duration };
    v.muted = true;
    try {
      await v.play();
      await new Promise(done => { v.ontimeupdate = () => { if (v.currentTime > 0.1) done(); }; });
      seen.drawn = v.getVideoPlaybackQuality().totalVideoFrames;
    } catch (error) { seen.error = String(error); }
    videos.push(seen);
  }
  const pictures = [...document.images].map(i => i.naturalWidth);
  const page = document.documentElement;
  const h264 = document.createElement("video").canPlayType('video/mp4; codecs="avc1.64001f"');
  const scrolls = page.scrollWidth > page.clientWidth;
  const body = JSON.stringify({ videos, pictures, h264, scrolls });
  fetch("WHERE", { method: "POST", mode: "no-cors", body });
});
"""


@pytest.fixture
def browse(tmp_path):
    """Call with a page's path: a copy of it in headless Chromium; returns what LOOK saw."""
    names = ("chromium", "chromium-browser", "google-chrome")
    exe = next(filter(None, map(shutil.which, names)), None)
    if exe is None:
        pytest.skip("neither chromium nor google-chrome is on PATH")
    answers = queue.Queue()

    class Listener(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            answers.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Listener)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    started = []

    def go(page: Path):
        copy = page.with_name("copy.html")
        script = LOOK.replace("WHERE", f"http://127.0.0.1:{server.server_port}/")
        copy.write_text(page.read_text().replace("</body>", f"<script>{script}</script></body>"))
        command = [
            exe,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--window-size=500,900",
        ]
        command += [
            "--disable-background-networking",
            f"--user-data-dir={tmp_path / 'profile'}",
            copy.as_uri(),
        ]
        started.append(
            subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        )
        return answers.get(timeout=90)

    yield go
    for process in started:
        process.terminate()
        process.wait()
    server.shutdown()
    server.server_close()


def test_a_browser_shows_the_pictures_and_plays_the_videos(small_run, browse, tmp_path, capsys):
    video = made_clip(
        tmp_path / "50% of #1, 'a & b'?.mp4", "25", 2.0, "160x120", "-pix_fmt", "yuv420p"
    )
    _, p = small_run(video, name="run é")
    assert main(["report", p.run_dir]) == 0
    page = Path(json.loads(capsys.readouterr().out)["report"])
    assert page.parent == Path(p.run_dir) and linked(page.read_text()) == ["lipsync.mp4"]
    seen = browse(page)
    assert len(seen["pictures"]) == 8 and min(seen["pictures"]) > 0
    assert not seen["scrolls"]  # sideways, on a narrow screen
    if not seen["h264"]:
        pytest.skip("this Chromium was built without H.264")
    assert len(seen["videos"]) == 2
    for shown in seen["videos"]:
        assert shown["ready"] >= 1 and shown["width"] == 160 and abs(shown["duration"] - 2.0) < 0.1
        assert shown.get("drawn", 0) > 0, shown
