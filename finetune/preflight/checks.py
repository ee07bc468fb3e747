"""Checks before the first step: the known ways to ruin a run, each looked for by name.

`finetune.preflight.tokens` has what the examples say by themselves, `finetune.preflight.fit` what
the recipe says of the device and of the base model, both without any weights;
`finetune.preflight.model` what the loaded model says, and what one real step shows. None of them
changes anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

Verdict = Literal["ok", "warning", "failed"]


@dataclass(frozen=True, slots=True)
class Check:
    """One check: what it saw, and where it is not right, how to mend it."""

    name: str
    verdict: Verdict
    saw: str
    mend: str = ""

    @classmethod
    def of(cls, name: str, saw: str, problem: str = "", mend: str = "") -> Check:
        """Failed where there is a problem, else ok."""
        return cls(name, "failed", problem, mend) if problem else cls(name, "ok", saw)

    @classmethod
    def warning(cls, name: str, saw: str, doubt: str = "", mend: str = "") -> Check:
        """A warning where there is a doubt, else ok."""
        return cls(name, "warning", doubt, mend) if doubt else cls(name, "ok", saw)

    def __str__(self) -> str:
        mark = {"ok": "ok     ", "warning": "WARNING", "failed": "FAILED "}[self.verdict]
        mend = f"\n          {self.mend}" if self.mend else ""
        return f"{mark} {self.name}: {self.saw}{mend}"

    def as_dict(self) -> dict[str, str]:
        """For JSON."""
        return {name: str(value) for name, value in asdict(self).items()}


def passed(checks: Sequence[Check]) -> bool:
    """Whether training may begin: warnings do not stop it."""
    return all(check.verdict != "failed" for check in checks)
