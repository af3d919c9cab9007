"""What the notebooks' first cell installs: missing or too old packages, and nothing else."""

import importlib
import sys
import tomllib
import zipfile

import pytest
from packaging.requirements import Requirement

from helpers import __version__, install, params
from helpers.errors import LipSyncError

# of Colab's image of August 2026, as far as they matter here
COLAB = {
    "torch": "2.11.0",
    "opencv-python-headless": "5.0.0.93",
    "ipykernel": "6.17.1",
    "ipywidgets": "7.7.1",
    "moviepy": "1.0.3",
    "numpy": "2.4.2",
}


def project():
    return tomllib.loads(install.PROJECT.read_text())["project"]


def provide(folder, versions):
    """A folder to import from that has packages of these versions, as far as pip can tell."""
    for name, version in versions.items():
        info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")


@pytest.fixture
def only(tmp_path, monkeypatch):
    """Call with versions by name: nothing else is installed then."""

    def use(versions):
        provide(tmp_path / "site", versions)
        monkeypatch.setattr(sys, "path", [str(tmp_path / "site")])
        importlib.invalidate_caches()

    return use


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """Call with requirements: the project has no others then."""

    def use(*lines):
        listed = ", ".join(f'"{line}"' for line in lines)
        (tmp_path / "pyproject.toml").write_text(f"[project]\ndependencies = [{listed}]\n")
        monkeypatch.setattr(install, "PROJECT", tmp_path / "pyproject.toml")

    return use


def wheel(folder, name, version):
    folder.mkdir(exist_ok=True)
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{name}.py", "")
        archive.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        )
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")


@pytest.fixture
def offline(tmp_path, monkeypatch):
    """pip sees the folder ``wheels`` alone and installs into ``installed``."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    monkeypatch.setenv("PIP_TARGET", str(tmp_path / "installed"))


def test_what_colab_has_is_upgraded_where_that_is_safe(only):
    rest = {Requirement(line).name: "9999" for line in project()["dependencies"]}
    del rest["opencv-python"], rest["librosa"]
    only({**rest, **COLAB})
    assert install.missing() == ["librosa>=0.10.2", "moviepy>=2.1"]


def test_a_fresh_environment_needs_every_dependency_and_no_extra(only):
    only({})
    names = [Requirement(line).name for line in install.missing()]
    assert names == [Requirement(line).name for line in project()["dependencies"]]
    assert not {"gfpgan", "basicsr"} & set(names)


@pytest.mark.parametrize("name", install.OPENCV)
@pytest.mark.parametrize("version", ["4.12.0.88", "5.0.0.93"])
def test_any_opencv_will_do(name, version, only, asked):
    asked("opencv-python>=4.11,<5", "librosa>=0.10.2")
    only({name: version})
    assert install.missing() == ["librosa>=0.10.2"]


def test_an_old_opencv_is_upgraded_under_its_own_name(only, asked):
    asked("opencv-python>=4.11,<5")
    only({"opencv-python-headless": "4.8.1.78"})
    assert [Requirement(line).name for line in install.missing()] == ["opencv-python-headless"]


def test_markers_are_obeyed(only, asked):
    asked("librosa>=0.10; python_version < '3'", "scipy>=1; python_version > '3'")
    only({})
    assert install.missing() == ["scipy>=1"]


def test_the_missing_is_installed(tmp_path, only, asked, offline):
    wheel(tmp_path / "wheels", "lipsynctestwheel", "2.0")
    asked("lipsynctestwheel>=2")
    only({"lipsynctestwheel": "1.0"})
    assert install.ensure() == ["lipsynctestwheel>=2"]
    assert (tmp_path / "installed" / "lipsynctestwheel-2.0.dist-info").is_dir()


def test_a_package_upgraded_under_the_kernel_asks_for_a_restart(
    tmp_path, monkeypatch, only, asked, offline
):
    wheel(tmp_path / "wheels", "lipsynctestwheel", "2.0")
    asked("lipsynctestwheel>=2")
    only({"lipsynctestwheel": "1.0"})
    top_level = tmp_path / "site" / "lipsynctestwheel-1.0.dist-info" / "top_level.txt"
    top_level.write_text("lipsynctestwheel\n")
    monkeypatch.setitem(sys.modules, "lipsynctestwheel", object())
    with pytest.raises(LipSyncError, match="lipsynctestwheel was upgraded.*restart the kernel"):
        install.ensure()


def test_a_package_that_pip_cannot_install_is_named_in_one_line(only, asked, offline):
    asked("numpy>=1.26", "lipsync-no-such-package>=1")
    only({"numpy": "2.0"})
    with pytest.raises(LipSyncError, match="lipsync-no-such-package.*network") as caught:
        install.ensure()
    assert "\n" not in str(caught.value)


def test_nothing_is_installed_where_nothing_is_missing(only, asked, offline):
    asked("numpy>=1.26")
    only({"numpy": "2.0"})
    assert install.ensure() == []


def test_requirements_txt_says_what_the_project_says():
    lines = (params.ROOT / "requirements.txt").read_text().splitlines()
    listed = [line for line in lines if line and not line.startswith("#")]
    assert listed == project()["dependencies"]


def test_the_version_stands_in_one_place():
    assert "version" not in project() and project()["dynamic"] == ["version"]
    assert project()["scripts"] == {"lipsync": "helpers.cli:main"}
    newest = (params.ROOT / "CHANGELOG.md").read_text().split("\n## ")[2]
    assert newest.startswith(f"{__version__} ")
