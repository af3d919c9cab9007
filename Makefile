# make demo   environment, then the three notebooks on the bundled sample -> runs/demo
# make test   environment, then the test suite
# make lint   ruff
PYTHON ?= python3.11
VENV ?= .venv
BIN = $(VENV)/bin
INSTALLED = $(VENV)/.installed

.PHONY: demo test lint notebooks clean

demo: $(INSTALLED)
	$(BIN)/python -m helpers run notebooks/sample/astronaut.mp4 notebooks/sample/speech.flac --out runs/demo
	@echo "Watch runs/demo/lipsync.mp4 and runs/demo/restored.mp4; the executed notebooks lie beside them."

test: $(INSTALLED) $(VENV)/.installed-dev
	$(BIN)/python -m pytest

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# parameter cells of the notebooks from helpers/params.py
notebooks: $(INSTALLED)
	$(BIN)/python -c "from helpers.notebook.runner import refresh_parameter_cells; refresh_parameter_cells()"

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
