"""Keeping the model libraries from writing to the user's terminal: progress has one place, and it
is ours.
"""

from __future__ import annotations

import logging
import os


def quiet_libraries() -> None:
    """Call before loading a model. Errors are still shown; they come as exceptions."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    logging.getLogger("bitsandbytes").setLevel(
        logging.ERROR
    )  # suggests an optional package each time it is imported
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity_error()
