# Two commands matter: `make app` and `make test`. Both install what they need into .venv first.

PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && exit; done; echo python3)
BIN := .venv/bin
INDEX := indexes/squid-game/CURRENT

.PHONY: app ask install test format benchmark browser clean

app: install $(INDEX)
	@$(BIN)/reviewqa app

ask: install $(INDEX)
	@$(BIN)/reviewqa ask "$$Q" --index squid-game

# The question reaches the shell only through the environment, so that quotes and dollars in it stay text.
ask: export Q := $(value Q)

install:
	@$(PYTHON) ui/install.py

$(INDEX): | install
	@$(BIN)/reviewqa index build rag/sample/reviews.csv --name squid-game

test: browser
	@$(PYTHON) ui/install.py --with test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	HF_HUB_OFFLINE=1 $(BIN)/python -m pytest

browser:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || sh .ci/install-chromium

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

benchmark:
	@$(PYTHON) ui/install.py --with test
	HF_HUB_OFFLINE=1 $(BIN)/python -m tests.benchmarks.speed

clean:
	rm -rf .venv build *.egg-info
