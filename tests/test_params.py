"""Parameters: what is taken, what is refused in one line, and the surfaces made from them."""

import math
from fractions import Fraction

import nbformat
import papermill
import pytest
from papermill.exceptions import PapermillExecutionError

from helpers import params, parsing
from helpers.errors import ParameterError
from helpers.notebook import cells


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (dict(vidoe="clip.mp4"), "did you mean video"),
        (dict(fill="pingpog"), "did you mean pingpong"),
        (dict(crf="inf"), "crf=inf is not of type int"),
        (dict(crf=math.nan), "crf=nan is not of type int"),
        (dict(crf=15.5), "crf=15.5 is not of type int"),
        (dict(steady="nan"), "steady=nan lies outside 0 to 1"),
        (dict(crop="nan,0,10,10"), "crop=nan,0,10,10 is not 4 numbers"),
        (dict(crop="10,0,10,10"), "x1 must be below x2"),
        (dict(box="0,inf,10,10"), "box=0,inf,10,10 is not 4 numbers"),
        (dict(box="1,2,3"), "box=1,2,3 is not 4 numbers"),
        (dict(box={"x": 1}), "box=.* is not of type str"),
        (dict(pads="nan,10,0,0"), "pads=nan,10,0,0 is not 4 numbers"),
        (dict(pads=[0, 10]), "pads=0,10 is not 4 numbers"),
        (dict(output_size="²00"), "output_size=²00 is neither"),
        (dict(output_size="720x"), "output_size=720x is neither"),
        (dict(output_size="8"), "16 to 8192"),
        (dict(fps="fast"), "fps=fast is neither"),
        (dict(fps="1/0"), "fps=1/0 is neither"),
        (dict(fps="1e999999999"), "fps=1e999999999 is neither"),
        (dict(fps="241"), "a rate from 1 to 240"),
        (dict(face="larges"), "face=larges is neither"),
        (dict(face=-1), "face=-1 is neither"),
        (dict(face="²"), "face=² is neither"),
        (dict(rotate=45), "rotate=45 is not one of 0, 90, 180, 270"),
        (dict(rotate="nan"), "rotate=nan is not one of"),
        (dict(rotate="up"), "rotate=up is not one of"),
        (dict(video=["a.mp4", "b.mp4"]), "video=.* is not of type str"),
        (dict(smooth="perhaps"), "smooth=perhaps is not of type bool"),
    ],
)
def test_wrong_values_are_refused_in_one_line(values, words):
    with pytest.raises(ParameterError, match=words) as caught:
        params.build(**values)
    assert caught.value.exit_status == 2 and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        (dict(pads=[0, 10, 0, 0]), dict(pads="0,10,0,0")),
        (dict(crop=(100, 0, 740, 480)), dict(crop="100,0,740,480")),
        (dict(box="1, 2, 3.5, 4"), dict(box="1,2,3.5,4")),
        (dict(fetch=["wav2lip", "s3fd"]), dict(fetch="wav2lip,s3fd")),
        (dict(rotate=-90), dict(rotate="270")),
        (dict(rotate=450.0), dict(rotate="90")),
        (dict(output_size=720, fps=25, face=3), dict(output_size="720", fps="25", face="3")),
        (dict(crf="18.0", strength="0.5"), dict(crf=18, strength=0.5)),
        (dict(smooth="no", own_mouths=1), dict(smooth=False, own_mouths=True)),
        (dict(box=None, crf=None, pads=None), dict(box="", crf=15, pads="0,10,0,0")),
    ],
)
def test_what_yaml_and_people_write_is_taken(given, taken):
    assert params.build(**given) == params.Params(**taken)


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("source", None),
        ("25", Fraction(25)),
        ("29.97", Fraction(30000, 1001)),
        ("23.976023976023978", Fraction(24000, 1001)),
        ("30000/1001", Fraction(30000, 1001)),
        ("12.5", Fraction(25, 2)),
    ],
)
def test_frame_rates(text, rate):
    assert parsing.frame_rate(text) == rate


@pytest.mark.parametrize(
    ("text", "fit", "size", "place"),
    [
        ("source", "keep", (640, 480), (0, 0, 640, 480)),
        ("720", "keep", (960, 720), (0, 0, 960, 720)),
        ("1280x720", "keep", (960, 720), (0, 0, 960, 720)),
        ("1280x720", "letterbox", (1280, 720), (160, 0, 960, 720)),
        ("720X720", "stretch", (720, 720), (0, 0, 720, 720)),
    ],
)
def test_sizes_of_the_result(text, fit, size, place):
    assert parsing.output_geometry(text, fit, 640, 480) == (size, place)


READ = 'from helpers import params\nprint(params.from_names("02_lipsync", globals()))'


def executed(folder, values):
    """A notebook of a parameters' cell and its reading, executed by papermill with ``values``."""
    sources = [cells.parameter_cell("02_lipsync"), READ]
    document = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(s) for s in sources])
    document.cells[0].metadata["tags"] = ["parameters"]
    document.metadata["kernelspec"] = dict(name="python3", language="python", display_name="")
    nbformat.write(document, folder / "in.ipynb")
    return papermill.execute_notebook(
        folder / "in.ipynb", folder / "out.ipynb", values, progress_bar=False
    )


def test_papermill_refuses_a_misspelt_name(tmp_path):
    with pytest.raises(PapermillExecutionError) as caught:
        executed(tmp_path, dict(vidoe="clip.mp4"))
    assert caught.value.ename == "ParameterError"
    assert caught.value.evalue == "unknown parameter vidoe: did you mean video?"


def test_papermill_passes_lists_null_and_parameters_of_other_notebooks(tmp_path):
    done = executed(tmp_path, dict(pads=[1, 2, 3, 4], box=None, strength=0.5))
    printed = done.cells[-1].outputs[0].text
    assert "pads='1,2,3,4'" in printed and "box=''" in printed


def test_only_the_last_injected_cell_counts():
    mended = [params.INJECTED + "vidoe = 'a'", params.INJECTED + "crf = 20"]
    assert params.from_names("02_lipsync", dict(In=["", *mended], crf=20)).crf == 20


def test_the_page_of_parameters_is_of_todays_code():
    page = params.ROOT / "docs" / "parameters.md"
    assert page.read_text(encoding="utf-8") == params.parameters_page()


def test_every_default_is_a_value_that_is_taken():
    assert params.build(**{name: f.default for name, f in params.FIELDS.items()}) == params.Params()
