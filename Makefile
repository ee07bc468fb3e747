# Two commands matter: `make app` and `make test`. Both install what they need into .venv first.

PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && exit; done; echo python3)
BIN := .venv/bin

.PHONY: app ask gemma gemma-tuned install index test test-faults format benchmark browser clean

app: install index
	@$(BIN)/reviewqa app

ask: install index
	@$(BIN)/reviewqa ask "$$Q" --index squid-game

# The small model that words counted points; Gemma's terms of use are shown first.
gemma:
	@$(PYTHON) ui/install.py --with gemma
	@$(BIN)/reviewqa gemma $(if $(filter yes,$(ACCEPT)),--accept-terms)

# The same, tuned here from the pre-trained weights in place of the adapter that comes with the program: an hour on
# two cores. Interrupted, it goes on where it stopped.
gemma-tuned: gemma index
	@$(PYTHON) ui/install.py --with finetune
	@$(BIN)/reviewqa finetune run gemma-3-270m-statement --index squid-game
	@$(BIN)/reviewqa ask "What do people say about the acting?" --index squid-game

# The question reaches the shell only through the environment, so that quotes and dollars in it stay text.
ask: export Q := $(value Q)

install:
	@$(PYTHON) ui/install.py

# Built where it is missing, or was made by a version whose indexes this one does not read.
index: install
	@$(BIN)/reviewqa index info squid-game >/dev/null 2>&1 || \
		$(BIN)/reviewqa index build rag/sample/reviews.csv --name squid-game

test: browser
	@$(PYTHON) ui/install.py --with test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@# the types are checked beside the tests, which leave a core idle now and then; one thread each, since threads of two
	@# workers on two cores wait for one another: training a tiny embedder takes 3 s alone and 40 s beside another worker
	@$(BIN)/mypy & types=$$!; \
	OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 $(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder; tests=$$?; \
	wait $$types && exit $$tests

# Every kill point and every power cut; `make test` plays a few of each.
test-faults:
	@$(PYTHON) ui/install.py --with test
	HF_HUB_OFFLINE=1 $(BIN)/python -m pytest tests/test_index_kills.py tests/test_index_power.py --all-faults

browser:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || sh .ci/install-chromium

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

benchmark:
	@$(PYTHON) ui/install.py --with test
	HF_HUB_OFFLINE=1 $(BIN)/python -m tests.benchmarks.speed
	HF_HUB_OFFLINE=1 $(BIN)/python -m tests.benchmarks.vector_index

clean:
	rm -rf .venv build *.egg-info
