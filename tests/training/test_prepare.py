"""A folder of clips -> prepared arrays: what is listed, what is kept, what is refused."""

import shutil

import numpy as np
import pytest
from support import FACE_BOX, made_clip, spoken_clip, tone, write_wave

from helpers import checkpoints, media, params, run
from helpers.errors import InputError
from helpers.networks.sync_expert import sync_score, sync_similarity
from helpers.training import prepare
from helpers.training.clips import Clips


def test_every_twentieth_clip_is_held_back(prepared):
    index = prepare.prepare(prepared.folder, prepared.arrays)
    assert [clip["split"] for clip in index["clips"]] == ["train", "validation", "train"]
    assert {clip["speaker"] for clip in index["clips"]} == {"her"}
    assert not index["skipped"]


def test_hidden_files_are_no_clips(tmp_path):
    for name in ("a.mp4", "._a.mp4", ".unfinished/b.mp4", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [clip["file"] for clip in prepare.list_clips(tmp_path)] == ["a.mp4"]


def test_a_table_names_the_clips_that_are_there(tmp_path):
    (tmp_path / "a.mp4").touch()
    lines = "file,speaker,split\na.mp4,her,train\ngone.mp4,him,train\n"
    (tmp_path / "training.csv").write_text(lines)
    expected = dict(file="a.mp4", speaker="her", split="train")
    assert prepare.list_clips(tmp_path) == [expected]


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("file,split\na.mp4,train\n", "training.csv has no column speaker"),
        ("file,speaker,split\na.mp4,her\n", "training.csv, line 2"),
        ("", "training.csv has no column file"),
    ],
)
def test_a_table_that_lacks_something_is_refused(table, words, tmp_path):
    (tmp_path / "a.mp4").touch()
    (tmp_path / "training.csv").write_text(table)
    with pytest.raises(InputError, match=words):
        prepare.list_clips(tmp_path)


def test_folders_without_clips_or_faces_are_refused(tmp_path):
    with pytest.raises(InputError, match="no video clips"):
        prepare.prepare(tmp_path, tmp_path / "out")
    made_clip(tmp_path / "silent.mkv", "25", 1.0)
    with pytest.raises(InputError, match=r"none of the 1 clips can be trained on \(no sound\)"):
        prepare.prepare(tmp_path, tmp_path / "out", workers=1)


def test_a_folder_without_clips_to_train_on_is_refused(tmp_path):
    spoken_clip(tmp_path / "a.mp4", 0, 1.0)
    (tmp_path / "training.csv").write_text("file,speaker,split\na.mp4,her,validation\n")
    with pytest.raises(InputError, match="none has the split train"):
        prepare.prepare(tmp_path, tmp_path / "out", workers=1)


def test_other_clips_are_refused_and_the_same_elsewhere_are_not(prepared, tmp_path):
    moved = shutil.copytree(prepared.folder, tmp_path / "moved")
    arrays = shutil.copytree(prepared.arrays, tmp_path / "prepared")
    index = prepare.prepare(moved, arrays)
    assert index == prepare.prepare(prepared.folder, prepared.arrays)

    before = {path.name: path.read_bytes() for path in arrays.iterdir()}
    (moved / "her" / "2.mp4").unlink()
    with pytest.raises(InputError, match="was prepared from other clips than those in"):
        prepare.prepare(moved, arrays)
    assert {path.name: path.read_bytes() for path in arrays.iterdir()} == before


def test_what_was_not_finished_is_prepared_anew(tmp_path):
    spoken_clip(tmp_path / "a.mp4", 0, 1.0)
    out = tmp_path / "out"
    first = prepare.prepare(tmp_path, out, workers=1)
    crops = (out / "crops.raw").read_bytes()
    (out / "index.json").unlink()
    (out / "crops.raw").write_bytes(crops[:100])
    assert prepare.prepare(tmp_path, out, workers=1) == first
    assert (out / "crops.raw").read_bytes() == crops


def test_without_clips_the_samples_own_sentences_are_cut_out_beside_the_users_run(tmp_path):
    """A run with other parameters in the same run folder keeps its result and its record."""
    video = made_clip(tmp_path / "clip.mkv", "25", 0.6)
    audio = write_wave(tmp_path / "speech.wav", tone(0.6))
    folder = tmp_path / "run"
    run.lipsync(params.build(video=video, audio=audio, run_dir=folder, box=FACE_BOX, crf=40))
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    clips = prepare.clips_folder(params.build(run_dir=folder, steps=1))
    assert clips.is_relative_to(folder / "training")
    rows = prepare.list_clips(clips)
    assert [row["file"] for row in rows] == ["sentence_1.mp4", "sentence_2.mp4"]
    for row, first in zip(rows, (0, 100), strict=True):
        sentence = media.probe(clips / row["file"])
        assert sentence.frames == 75 and sentence.has_audio
        true = next(media.read_frames(params.SAMPLE / "talking.mp4", prepare.FPS, first, first + 1))
        cut = next(media.read_frames(clips / row["file"], prepare.FPS, 0, 1))
        assert np.abs(true.astype(int) - cut).mean() < 2
    assert before == {path: path.read_bytes() for path in before}


def test_expert_finds_the_offset_of_real_speech(clips, tmp_path):
    """The bundled expert, on speakers it never saw."""
    (tmp_path / "grid").mkdir()
    for n in (1, 2, 4):
        (tmp_path / "grid" / f"{n}.mpg").symlink_to(clips / f"grid_v{n}.mpg")
    prepare.prepare(tmp_path / "grid", tmp_path / "out", workers=1)
    ready = Clips(tmp_path / "out")
    expert = checkpoints.sync_expert()
    for clip in ready.clips:
        at = np.arange(clip["frames"])
        squares = ready.squares(clip, at)
        curve = sync_similarity(expert, squares, ready.windows(clip, at))
        assert abs(sync_score(curve)["offset"]) <= 1

        # the mouth is 5 frames early
        late = sync_similarity(expert, squares[5:], ready.windows(clip, at[:-5]))
        assert abs(sync_score(late)["offset"] - 5) <= 1


def test_each_folder_of_clips_is_trained_on_in_its_own_place():
    values = [dict(), dict(clips="mine"), dict(clips="clips/hers")]
    folders = [prepare.training_folder(params.build(run_dir="runs/a", **v)) for v in values]
    assert [str(folder) for folder in folders] == [
        "runs/a/training/sample",
        "runs/a/training/mine",
        "runs/a/training/hers",
    ]
