# make demo        environment, then the three notebooks on the bundled sample -> runs/demo
# make test        environment, then the test suite
# make fast        the part of it that takes less than two minutes
# make lint        ruff, and notebooks without outputs
# make types       mypy on helpers/
# make app         the app, as a page in the browser
# make lab         JupyterLab in the environment
# make cluster     a Dask scheduler and two workers, for --scheduler tcp://127.0.0.1:8786
# make judge       MediaPipe in an environment of its own, .venv-judge, for the command judge
# make reference   the gfpgan package and NIQE (Python < 3.13)
# make notebooks   what is made from helpers: cells of the notebooks, docs/parameters.md
# make pages       executed copies of the notebooks -> docs/notebooks (ten minutes)
# make colab-check the notebooks, the form and the app beside the versions that Colab has
# make colab REPO=owner/name   Colab's badges and first cells point to your repository
PYTHON ?= python3.11
VENV ?= .venv
BIN = $(VENV)/bin
PIP = $(BIN)/python -m pip install --quiet
# two at a time, a core each
PYTEST = OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile
INSTALLED = $(VENV)/.installed
DEV = $(VENV)/.installed-dev
REFERENCE = $(VENV)/.installed-reference
JUDGE = .venv-judge/.installed

# what Colab has of its own, as published in August 2026, and what these versions need
COLAB = $(abspath $(VENV)/colab)
COLAB_HAS = ipywidgets==7.7.1 widgetsnbextension==3.6.10 'jupyterlab-widgets<3' ipython==7.34.0 \
  ipython-genutils backcall pickleshare ipykernel==6.17.1 moviepy==1.0.3 'decorator<5' proglog \
  opencv-python-headless==5.0.0.93
COLAB_TESTS = $(addprefix tests/notebook/test_,app.py widgets.py settings.py panel.py uploads.py \
  player.py start.py)
# uploads may be larger than Jupyter's 10 MB
UPLOADS = {"websocket_max_message_size": 2000000000}
SERVE = PYTHONWARNINGS=ignore::DeprecationWarning $(BIN)

.PHONY: demo test fast lint types app lab cluster judge reference notebooks pages colab colab-check clean

demo: $(INSTALLED)
	$(BIN)/lipsync run notebooks/sample/talking.mp4 notebooks/sample/speech.flac --out runs/demo
	@echo "Watch runs/demo/lipsync.mp4 and runs/demo/restored.mp4; the executed notebooks lie beside them."

test: $(DEV)
	@$(MAKE) reference || echo "the reference packages could not be installed: their tests are skipped"
	$(PYTEST)

fast: $(DEV)
	$(PYTEST) -m "not slow"

lint: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/nbstripout --verify --keep-id notebooks/*.ipynb

types: $(DEV)
	$(BIN)/mypy

app: $(INSTALLED)
	$(PIP) --editable '.[app]'
	$(SERVE)/voila notebooks/00_app.ipynb --Voila.ip=127.0.0.1 --Voila.tornado_settings='$(UPLOADS)'

lab: $(INSTALLED)
	$(PIP) --editable '.[lab]'
	$(SERVE)/jupyter lab --notebook-dir . --ServerApp.tornado_settings='$(UPLOADS)'

# a scheduler and two workers of one thread, until Ctrl+C
cluster: $(INSTALLED)
	$(PIP) --editable '.[scale]'
	trap 'kill 0' EXIT; \
	$(BIN)/dask scheduler --host 127.0.0.1 --port 8786 & \
	OMP_NUM_THREADS=1 $(BIN)/dask worker tcp://127.0.0.1:8786 --nworkers 2 --nthreads 1

judge: $(JUDGE)

reference: $(REFERENCE)

notebooks: $(INSTALLED)
	$(BIN)/python -c "from helpers.notebook.runner import refresh; refresh()"
	$(BIN)/lipsync params > docs/parameters.md

pages: $(DEV)
	$(BIN)/python -c "from helpers.notebook.pages import build; build()"

# where the notebooks are published: make colab REPO=owner/name
colab:
	@echo "$(REPO)" | grep -Eq '^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$$' || { echo "give REPO=owner/name" >&2; exit 2; }
	sed -i 's|^REPOSITORY = "[^"]*"|REPOSITORY = "$(REPO)"|' helpers/notebook/colab.py
	$(MAKE) notebooks

# notebooks 01 to 03, the form and the app beside Colab's versions, on this Python
colab-check: $(DEV)
	$(PIP) --upgrade --no-deps --target $(COLAB) $(COLAB_HAS)
	PYTHONPATH=$(COLAB) $(PYTEST) $(COLAB_TESTS)
	rm -r $(COLAB)/moviepy*  # for which the notebooks' first cell installs a newer one
	PYTHONPATH=$(COLAB) $(BIN)/lipsync run notebooks/sample/talking.mp4 notebooks/sample/speech.flac \
	  --out runs/colab

$(INSTALLED): requirements.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(PIP) --upgrade pip
	$(PIP) --requirement requirements.txt --editable .
	touch $@

$(DEV): $(INSTALLED)
	$(PIP) --editable '.[dev]'
	touch $@

# newer releases carry no face mesh; this one's packages clash with the project's
$(JUDGE):
	$(PYTHON) -m venv .venv-judge
	.venv-judge/bin/python -m pip install --quiet mediapipe==0.10.14
	touch $@

# basicsr's isolated build would fetch a second torch, so it is not isolated and its tools come first
$(REFERENCE): $(INSTALLED)
	$(PIP) setuptools wheel
	$(PIP) --no-build-isolation --editable '.[reference]'
	touch $@

clean:
	rm -rf $(VENV) .venv-judge runs
