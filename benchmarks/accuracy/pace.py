"""When a training run is evaluated, and when it is at its end: by steps, or by the clock."""

from dataclasses import dataclass
from typing import Protocol

# Of the time, as in the settings of the datasets.
WARMUP = 0.06


class Pace(Protocol):
    """What tells the training loop where it is."""

    def done(self, step: int, seconds: float) -> float:
        """RETURNS (float): The part of the run that is over, 1 at its end."""
        ...

    def is_due(self, step: int, seconds: float, n_evaluated: int) -> bool:
        """RETURNS (bool): Whether an evaluation is due, after so many."""
        ...

    def rate(self, step: int, seconds: float) -> float | None:
        """RETURNS (float): The factor of the learning rate, or None where the config has a schedule for it."""
        ...


@dataclass
class BySteps:
    """As `spacy train` does it.

    max_steps, frequency (int): Steps in all, and between evaluations.
    """

    max_steps: int
    frequency: int

    def done(self, step: int, seconds: float) -> float:
        """RETURNS (float): The part of the steps that are taken; 0 if only patience ends them."""
        return min(1.0, step / self.max_steps) if self.max_steps else 0.0

    def is_due(self, step: int, seconds: float, n_evaluated: int) -> bool:
        """RETURNS (bool): Whether an evaluation is due. There is none of the untrained pipeline."""
        return step > 0 and step % self.frequency == 0

    def rate(self, step: int, seconds: float) -> None:
        """RETURNS (None): The config has a schedule."""


@dataclass
class ByClock:
    """For a given time, with evaluations at equal distances.

    max_seconds (float): The seconds of training steps.
    n_evaluations (int): The evaluations, the last one at the end.
    """

    max_seconds: float
    n_evaluations: int

    def done(self, step: int, seconds: float) -> float:
        """RETURNS (float): The part of the time that is over."""
        return min(1.0, seconds / self.max_seconds)

    def is_due(self, step: int, seconds: float, n_evaluated: int) -> bool:
        """RETURNS (bool): Whether an evaluation is due, after so many."""
        return seconds >= self.max_seconds * (n_evaluated + 1) / self.n_evaluations

    def rate(self, step: int, seconds: float) -> float:
        """RETURNS (float): What rises from 0 to 1 and falls back to 0 by the end."""
        done = self.done(step, seconds)
        return done / WARMUP if done < WARMUP else (1 - done) / (1 - WARMUP)
