# Every command sets up what it needs; the second time it starts at once.
#   make demo                  denoise the built-in sample, look at the result
#   make test                  run all tests            (make test ARGS="-k tiff")
#   make bench DATA=folder     run the benchmarks       (make bench DATA=folder ARGS=...)
#   make docs                  build the documentation into site/
#   make screenshots           make the documentation's pictures of the real viewer
.PHONY: demo test bench docs screenshots

PYTHON := .venv/bin/python
# Without a display (or on macOS and Windows, which need none) a virtual one is used.
VIRTUAL := $(shell if [ "$$(uname)" = Linux ] && [ -z "$$DISPLAY" ]; \
	then echo 'xvfb-run -a -s "-screen 0 1600x1200x24"'; fi)
# Tests find a display of their own, each process one; more processes than 4 are of little use.
PARALLEL := -n logical --maxprocesses 4 --dist worksteal
VIEW := $(shell if [ "$$(uname)" = Darwin ] || [ -n "$$DISPLAY$$WAYLAND_DISPLAY" ]; \
	then echo --view; fi)

demo:
	@scripts/setup.sh $(if $(VIEW),display)
	@$(PYTHON) -m napari_selfdenoise.cli demo $(VIEW) $(ARGS)

test:
	@scripts/setup.sh display virtual
	$(PYTHON) -m pytest $(PARALLEL) $(ARGS)

bench:
	@test -n "$(DATA)" || { echo "Say where the data is: make bench DATA=folder"; exit 2; }
	@scripts/setup.sh
	$(PYTHON) -m benchmarks --data "$(DATA)" $(ARGS)

docs:
	@scripts/setup.sh
	@$(PYTHON) -c 'import material' 2>/dev/null || \
		$(PYTHON) -m pip install --quiet -c constraints.txt -e '.[docs]'
	$(PYTHON) -m mkdocs build --strict

screenshots:
	@scripts/setup.sh display virtual
	$(VIRTUAL) $(PYTHON) docs/make_screenshots.py
