"""What is logged and where to, and how slow work that is done once announces itself."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Callable, Iterator

from rag.schema import SettingsError

_LOGGERS = ("rag", "finetune", "ui")  # the program's own; the libraries' logs stay out of it
_LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)
_FORMAT = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")


class _Terminal(logging.Handler):
    """Standard error, above a progress bar if there is one."""

    def emit(self, record: logging.LogRecord) -> None:
        from tqdm import tqdm

        tqdm.write(self.format(record), file=sys.stderr)


def configure_logging(verbosity: int = 0, file: str = "") -> None:
    """Log warnings to standard error; with `verbosity` 1 what is done, with 2 how long it takes.
    All of it goes to `file`, if one is named. Raises `SettingsError` where that cannot be written.

    Called again, it replaces what the call before set up.
    """
    handlers: list[logging.Handler] = [_Terminal(_LEVELS[min(verbosity, 2)])]
    if file:
        try:
            handlers.append(logging.FileHandler(file, encoding="utf-8", errors="replace"))
        except OSError as error:
            raise SettingsError(f"Cannot write the log to {file}: {error.strerror}.") from error
    for handler in handlers:
        handler.setFormatter(_FORMAT)
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        for old in list(logger.handlers):
            logger.removeHandler(old)
            old.close()
        logger.setLevel(logging.DEBUG if file else handlers[0].level)
        for handler in handlers:
            logger.addHandler(handler)


@contextlib.contextmanager
def announced(work: str, steps: int) -> Iterator[Callable[[], object]]:
    """Tell of slow `work` that is done once, on standard error and however little is logged; the
    function that is given advances its bar by one of `steps`.
    """
    from tqdm import tqdm

    with tqdm(total=steps, desc=work, unit="step", file=sys.stderr) as bar:
        yield bar.update


def quiet_libraries() -> None:
    """Call before loading a model: its libraries leave the terminal to us. Errors still come as
    exceptions.
    """
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    # suggests an optional package each time it is imported
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity_error()
