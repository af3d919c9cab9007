# make demo   environment, then the three notebooks on the bundled sample -> runs/demo
# make test   environment, then the test suite
# make lint   ruff
# make colab REPO=owner/name   Colab's badges and first cells point to your repository
PYTHON ?= python3.11
VENV ?= .venv
BIN = $(VENV)/bin
INSTALLED = $(VENV)/.installed

.PHONY: demo test lint notebooks colab clean

demo: $(INSTALLED)
	$(BIN)/python -m helpers run notebooks/sample/talking.mp4 notebooks/sample/speech.flac --out runs/demo
	@echo "Watch runs/demo/lipsync.mp4 and runs/demo/restored.mp4; the executed notebooks lie beside them."

test: $(INSTALLED) $(VENV)/.installed-dev
	$(BIN)/python -m pytest

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# the notebooks' cells that are made from helpers: parameters, first cell, Colab's badge
notebooks: $(INSTALLED)
	$(BIN)/python -c "from helpers.notebook.runner import refresh; refresh()"

# where the notebooks are published: make colab REPO=owner/name
colab:
	@echo "$(REPO)" | grep -Eq '^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$$' || { echo "give REPO=owner/name" >&2; exit 2; }
	sed -i 's|^REPOSITORY = "[^"]*"|REPOSITORY = "$(REPO)"|' helpers/notebook/colab.py
	$(MAKE) notebooks

# basicsr's isolated build would fetch a second torch, so builds are not isolated and their tools come first
$(INSTALLED): requirements.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip setuptools wheel
	$(BIN)/python -m pip install --quiet --no-build-isolation -r requirements.txt
	$(BIN)/python -m pip install --quiet --no-build-isolation --no-deps -e .
	touch $@

$(VENV)/.installed-dev: $(INSTALLED) requirements-dev.txt
	$(BIN)/python -m pip install --quiet -r requirements-dev.txt
	touch $@

clean:
	rm -rf $(VENV) runs
