"""Check and measure a CUDA card in at most 8 minutes: one table, and an exit status.

Results must equal the processor's within the stated tolerances; then come times and memory beside peers, on the card
where they can use it. What fails, or has no time left, has a line that says so. On a machine without a network, unpack
the wheels of himalaya and spams-bin into a folder, and name it in PYTHONPATH; parts whose libraries are missing are
left out, with a line. `--small` runs everything at a size for the tests of the project, on any device.
"""

import argparse
import logging
import sys
import time
from collections.abc import Callable, Iterator, Sequence

from benchmarks import device_agreement, device_speed, harness
from benchmarks.device_row import Row, noted

Part = Callable[[str, bool], Iterator[Row]]
PARTS: tuple[Part, ...] = (*device_agreement.PARTS, *device_speed.PARTS)
# Seconds that a part may take on a card: it starts only if as many are left.
_SECONDS = {"texts": 90, "dictionaries": 60, "ridges": 60, "forecasts": 40, "participants": 90}
_USUAL = 30


def rows(device: str, *, small: bool, minutes: float, parts: Sequence[Part] = PARTS) -> Iterator[Row]:
    """The rows of all parts, as they are made."""
    end = time.monotonic() + 60 * minutes
    for part in parts:
        title = f"{part.__module__.rpartition('.')[2].removeprefix('device_')}: {part.__name__}"
        if end - time.monotonic() < (0 if small else _SECONDS.get(part.__name__, _USUAL)):
            yield noted(title, "left out", "no time left")
            continue
        start = time.monotonic()
        try:
            yield from part(device, small)
        except ImportError as error:
            yield noted(title, "left out", f"{error.name or error} is not installed")
        except Exception as error:  # the other parts still run
            logging.getLogger(__name__).exception("%s", title)
            yield Row(title, "error", f"{type(error).__name__}: {str(error)[:200]}", passed=False)
        print(f"  {title}: {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)
        _free(device)


def _free(device: str) -> None:
    """Give the memory of a part back before the next."""
    import gc

    import torch

    gc.collect()
    if device.startswith("cuda"):
        torch.cuda.empty_cache()


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; 1 if a check failed, 2 if there is no such device."""
    import torch

    parser = argparse.ArgumentParser(prog="python -m benchmarks.device_check", description=__doc__)
    parser.add_argument("--device", default="cuda", help="cuda, or cpu to try the script. Default: cuda.")
    parser.add_argument("--minutes", type=float, default=8, help="No part starts that may take longer. Default: 8.")
    parser.add_argument("--small", action="store_true", help="Small sizes, in which times say nothing.")
    options = parser.parse_args(arguments)
    if options.device.startswith("cuda") and not torch.cuda.is_available():
        print("there is no CUDA card that torch can use: run it where one is, or give --device cpu", file=sys.stderr)
        return 2
    print(f"\n{harness.machine(('numpy', 'torch', 'transformers', 'himalaya', 'spams-bin'))}\n")
    harness.print_cells(["part", "measure", "value", "limit", "result"])
    harness.print_cells(["---"] * 5)
    failed = 0
    for row in rows(options.device, small=options.small, minutes=options.minutes):
        harness.print_cells(row.cells)
        failed += row.passed is False
    print(f"\n{failed} check(s) failed" if failed else "\nall checks passed")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
