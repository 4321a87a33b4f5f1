"""Run scripts (all when none is named) and put the tables they print into the pages of docs/."""

import argparse
import re
import subprocess
import sys
from pathlib import Path

# The page of each script.
SCRIPTS = {
    "dictionary": "benchmarks.md",
    "ridge": "benchmarks.md",
    "forecast": "benchmarks.md",
    "lasso": "benchmarks.md",
    "features": "benchmarks.md",
    "start_up": "benchmarks.md",
    "participant": "benchmarks.md",
    "growth": "benchmarks.md",
    "families": "benchmarks.md",
    "links": "benchmarks.md",
    "evidence": "benchmarks.md",
    "finetune": "benchmarks.md",
    "gain": "benchmarks.md",
    "lesion": "benchmarks.md",
    "group": "benchmarks.md",
    "out_of_core": "benchmarks.md",
    "sizes": "memory-and-time.md",
    "many_jobs": "scale.md",
}
_ROOT = Path(__file__).parents[1]


def main() -> None:
    """One section per script; those that are not run, or that fail, keep the table they have."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("scripts", nargs="*", metavar="SCRIPT", help=f"Out of: {', '.join(SCRIPTS)}. Default: all.")
    known, options = parser.parse_known_args()  # what is left goes to the scripts
    unknown = sorted(set(known.scripts) - set(SCRIPTS))
    if unknown:
        parser.error(f"no such script: {', '.join(unknown)}; choose out of {', '.join(SCRIPTS)}")
    failed = []
    for script in known.scripts or SCRIPTS:
        command = [sys.executable, "-m", f"benchmarks.{script}", *options]
        done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True, cwd=_ROOT)
        print(done.stdout, flush=True)
        if done.returncode:
            failed.append(script)
        elif "--quick" not in options:
            page = _ROOT / "docs" / SCRIPTS[script]
            page.write_text(with_section(page.read_text(), script, done.stdout))
    if failed:
        sys.exit(f"These failed, as is said above, and keep their tables: {', '.join(failed)}.")


def with_section(page: str, script: str, table: str) -> str:
    """The page with the text between the marks of a script replaced; ValueError where it has none."""
    start, end = f"<!-- {script} -->", f"<!-- end of {script} -->"
    if start not in page or end not in page:
        raise ValueError(f"There is no place for the table of {script}: put {start} and {end} into it.")
    return re.sub(
        re.escape(start) + ".*?" + re.escape(end), lambda _: f"{start}\n{table.strip()}\n{end}", page, flags=re.DOTALL
    )


if __name__ == "__main__":
    main()
