## make test   set up .venv and run the whole test suite
## make demo   set up .venv and open napari on a sample, segmented (without a screen: write demo.png)
## make lint types manifest   the other checks;  make install   only the set-up
## make gpu-check   what a GPU of this machine does, as a table;  make docs   build the documentation into site/
## make fuzz   read a million damaged files;  make soak   use the window for half an hour and watch its memory
## QT_API=pyside6 does the same with PySide6, in a .venv-pyside6 of its own.
## ARGS="..." is passed on to pytest and to the demo.

PYTHON ?= python3
QT_API ?= pyqt6
VENV   := .venv$(if $(filter pyside6,$(QT_API)),-pyside6)
# The newest PySide6 that the window tests pass on.
QT     := $(if $(filter pyside6,$(QT_API)),'pyside6<6.11')
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
PYTEST := $(BIN)/python -m pytest -n auto
SCREEN := $(DISPLAY)$(WAYLAND_DISPLAY)$(filter Darwin,$(shell uname))

export PYTHON
export QT_API
export PYTEST_QT_API = $(QT_API)

.PHONY: help install system test demo lint types manifest docs gpu-check audit coverage fuzz soak

help:
	@sed -n 's/^## //p' Makefile

install: $(READY)

system:
	@scripts/system-libraries.sh

# Repeated only when what is installed changes; the system's libraries are looked at each time.
$(READY): pyproject.toml constraints.txt | system
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed, found " + sys.version.split()[0] + "; choose one with make PYTHON=python3.12")'
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check --quiet -e '.[gui,test,dev]' $(QT) -c constraints.txt
	@touch $@

# pytest-xvfb starts a virtual screen by itself; tests/conftest.py shares the tests out to workers.
# ARGS="-n 0" runs them one after the other.
test: $(READY)
	@if [ -n "$(SCREEN)" ] || command -v Xvfb >/dev/null; then \
	    $(PYTEST) $(ARGS); \
	else \
	    $(PYTEST) --no-xvfb --ignore=tests/_napari $(ARGS); \
	    echo "The window tests did not run: there is neither a screen nor Xvfb (see above)."; exit 1; \
	fi

demo: $(READY)
	@if [ -n "$(SCREEN)" ]; then \
	    $(BIN)/pixel-embedding demo $(ARGS); \
	elif command -v xvfb-run >/dev/null; then \
	    xvfb-run -a -s "-screen 0 1920x1080x24" $(BIN)/pixel-embedding demo --screenshot demo.png $(ARGS); \
	else \
	    echo "The demo needs a screen or xvfb-run: there is neither (see above)."; exit 1; \
	fi

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy

manifest: $(READY)
	$(BIN)/npe2 validate --imports src/napari_pixel_embedding/napari.yaml

# Where torch sees a GPU: the tests marked gpu, then correctness, speed and little memory in a table.
gpu-check: $(READY)
	$(PYTEST) -n 0 -m gpu $(ARGS)
	$(BIN)/python scripts/gpu_check.py

# Lines that the tests of everything but the window run; compiled kernels are not seen, so they are left out.
coverage: $(READY)
	$(PYTEST) tests/core tests/session tests/batch tests/workflows tests/cli --cov=src/napari_pixel_embedding --cov-report=term-missing:skip-covered $(ARGS)

# Damaged files of every kind, in processes with little memory: no crash, no hang, only promised errors.
fuzz: $(READY)
	$(BIN)/python -m tests.fuzz.run $(ARGS)

# Thousands of slider ticks, runs and opened docks: memory, objects, threads and callbacks stay.
soak: $(READY)
	@if [ -n "$(SCREEN)" ]; then \
	    $(BIN)/python -m tests.soak.run $(ARGS); \
	else \
	    xvfb-run -a -s "-screen 0 1920x1080x24" $(BIN)/python -m tests.soak.run $(ARGS); \
	fi

# Known holes in what is installed; needs the network, and an environment of its own for the tool.
audit: $(READY)
	@test -x $(VENV)-audit/bin/pip-audit || { $(PYTHON) -m venv $(VENV)-audit && $(VENV)-audit/bin/python -m pip install --quiet pip-audit; }
	$(BIN)/python -m pip freeze --exclude-editable | sed 's/+cpu$$//' | $(VENV)-audit/bin/pip-audit --strict --no-deps -r /dev/stdin

# A broken link or a name that is not there ends it.
docs: $(READY)
	$(BIN)/python scripts/make_doc_pages.py docs/generated
	$(BIN)/zensical build --clean --strict
