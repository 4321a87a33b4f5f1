"""A line of the table of `device_check`: a number, its limit, and whether it keeps it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """A number of a part; `passed` is None where nothing is asked of it."""

    part: str
    measure: str
    value: str
    limit: str = ""
    passed: bool | None = None

    @property
    def cells(self) -> list[str]:
        """The cells of the table."""
        return [
            self.part,
            self.measure,
            self.value,
            self.limit,
            {None: "–", True: "passed", False: "FAILED"}[self.passed],
        ]


def at_most(part: str, measure: str, value: float, limit: float) -> Row:
    """A number that must not exceed a limit; NaN does."""
    return Row(part, measure, f"{value:.3g}", f"≤ {limit:g}", bool(value <= limit))


def at_least(part: str, measure: str, value: float, limit: float) -> Row:
    """A number that must reach a limit; NaN does not."""
    return Row(part, measure, f"{value:.4g}", f"≥ {limit:g}", bool(value >= limit))


def noted(part: str, measure: str, value: str) -> Row:
    """A number without a limit."""
    return Row(part, measure, value)
