"""The second command line, `n2n`: tools around a run. Each sub-command only parses and calls."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from bids_app import __version__, figure_arguments
from bids_app.border import at_the_border
from bids_app.cli import add_options, normalise
from bids_app.finetune.arguments import add_arguments, numbers_of
from bids_app.finetune.recipe import goals_of
from bids_app.settings_input import make_settings

# A check writes nothing: its caches are looked up in a folder that does not exist.
NO_OUT_DIR = Path(tempfile.gettempdir()) / "neurons2networks-check"


def make_parser() -> argparse.ArgumentParser:
    """The parser of `n2n`."""
    parser = argparse.ArgumentParser(prog="n2n", description="Tools around neurons2networks.")
    parser.add_argument("--version", action="version", version=f"neurons2networks {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_demo(commands)
    _add_evaluate(commands)
    _add_check(commands)
    _add_plan(commands)
    _add_submit(commands)
    _add_status(commands)
    _add_fetch(commands)
    _add_finetune(commands)
    figure = commands.add_parser("figure", help="draw a map or a curve of the results for a paper")
    figure_arguments.add_arguments(figure)
    return parser


def _add_demo(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    demo = commands.add_parser("demo", help="write a small data set with known truth, and tiny models")
    demo.add_argument("target", metavar="DIR", type=Path, help="Where the data set goes; must not exist.")
    plant = "What to plant: atoms of a model in networks, or features of the present word and of one ahead in regions."
    demo.add_argument(
        "--plant", choices=("networks", "forecast"), default="networks", help=f"{plant} Default: networks."
    )
    ahead = "Words ahead that the second region of --plant forecast follows. Default: 8."
    demo.add_argument("--ahead", type=int, metavar="N", help=ahead)
    demo.add_argument("--participants", type=int, default=3, metavar="N", help="Default: 3.")
    stories = "Default: 2 of 300 volumes, or 1 of 600 with --plant forecast."
    demo.add_argument("--stories", type=int, metavar="N", help=stories)
    demo.add_argument("--snr", type=float, metavar="RATIO", help="Planted signal over noise; 0 plants nothing.")
    demo.add_argument("--model", type=Path, metavar="PATH", help="A real model instead of the tiny one.")
    demo.add_argument("--annotations", type=Path, metavar="FILE", help="Real word timings instead of made-up stories.")
    demo.add_argument("--atlas", type=Path, metavar="FILE", help="A real atlas on fsaverage5 instead of a made-up one.")
    demo.add_argument("--space", nargs="+", metavar="SPACE", help="Spaces of the BOLD data. Default: both.")
    demo.add_argument("--seed", type=int, default=0, metavar="N", help="Default: 0.")


def _add_evaluate(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    evaluate = commands.add_parser("evaluate", help="compare the results on a demo data set with its truth")
    evaluate.add_argument("target", metavar="DIR", type=Path, help="The demo data set.")
    evaluate.add_argument("out_dir", metavar="OUT_DIR", type=Path, help="The results.")
    evaluate.add_argument("--json", metavar="FILE", type=Path, help="Write precision and recall to this file, too.")


def _add_check(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    check = commands.add_parser(
        "check",
        help="show what would be analysed, run by run, and all problems at once",
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
    )
    check.add_argument("bids_dir", metavar="BIDS_DIR", help="The data set.")
    timing = "Read the data too, and show by how many volumes the responses of each run lag behind its words."
    check.add_argument("--timing", action="store_true", default=False, help=timing)
    add_options(check)


def _add_plan(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    plan = commands.add_parser(
        "plan",
        help="show jobs, hours, memory and disk of a run",
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
    )
    plan.add_argument("bids_dir", metavar="BIDS_DIR", help="The data set.")
    jobs = "Jobs that a cluster runs at once. Default: 50."
    plan.add_argument("--at-once", type=int, default=50, metavar="N", help=jobs)
    add_options(plan)


def _add_submit(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    submit = commands.add_parser("submit", help="write, and submit, the jobs of a run on a cluster")
    submit.add_argument("system", choices=("slurm",), help="The system of the cluster.")
    submit.add_argument(
        "arguments", nargs=argparse.REMAINDER, metavar="…", help="See `n2n submit slurm --help`: BIDS_DIR OUT_DIR …"
    )


def _add_status(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    status = commands.add_parser("status", help="show what is finished, running, failed and missing")
    status.add_argument("out_dir", metavar="OUT_DIR", type=Path, help="The results of a run, which may still go on.")


def _add_fetch(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    fetch = commands.add_parser("fetch", help="fetch models and atlases into a folder, for runs without a network")
    fetch.add_argument("--model", nargs="+", default=(), metavar="NAME", help="Models on the Hugging Face hub.")
    fetch.add_argument("--model-revision", metavar="REV", help="Their revision. Default: the newest.")
    fetch.add_argument("--atlas", nargs="+", default=(), metavar="NAME", help="Atlases: yeo7, schaefer400, destrieux …")
    spaces = "Spaces of the atlases. Default: all available; without --atlas, the default atlases of a run."
    fetch.add_argument("--space", nargs="+", default=(), metavar="SPACE", help=spaces)
    home = os.environ.get("N2N_HOME")
    target = "The folder, for --resources of a run. Default: the environment variable N2N_HOME."
    fetch.add_argument("--to", type=Path, metavar="DIR", default=home, required=not home, help=target)


def _add_finetune(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    tune = commands.add_parser("finetune", help="train a language model to forecast its own states, with controls")
    add_arguments(tune)


def _demo(arguments: argparse.Namespace) -> None:
    from transformers.utils.logging import disable_progress_bar

    from bids_app.demo import forecast, generate

    disable_progress_bar()
    names = ("participants", "stories", "snr", "model", "annotations", "atlas", "seed")
    given = {name: value for name, value in vars(arguments).items() if name in names and value is not None}
    if arguments.space:
        given["spaces"] = tuple(arguments.space)
    if arguments.plant == "forecast":
        ahead = {} if arguments.ahead is None else {"ahead": arguments.ahead}
        forecast.generate_forecast(arguments.target, replace(forecast.DEFAULTS, **given), **ahead)
    elif arguments.ahead is None:
        print(generate.describe(generate.generate(arguments.target, replace(generate.DEFAULTS, **given))))
    else:
        raise ValueError(f"--ahead {arguments.ahead} needs --plant forecast; atoms in networks have no distance.")


def _evaluate(arguments: argparse.Namespace) -> None:
    from bids_app.demo.evaluate import evaluate

    evaluate(arguments.target, arguments.out_dir, arguments.json)


def _check(arguments: argparse.Namespace) -> int:
    from bids_app.run.check import check  # slow to import

    given = {name: value for name, value in vars(arguments).items() if name not in ("command", "timing")}
    return check(make_settings({**given, "out_dir": NO_OUT_DIR, "level": "participant"}), timing=arguments.timing)


def _plan(arguments: argparse.Namespace) -> int:
    if arguments.at_once < 1:
        raise ValueError(f"--at-once {arguments.at_once}: a cluster runs at least 1 job at once")
    from bids_app.run.plan import show_plan  # slow to import

    given = {name: value for name, value in vars(arguments).items() if name not in ("command", "at_once")}
    settings = make_settings({**given, "out_dir": NO_OUT_DIR, "level": "participant"})
    return show_plan(settings, arguments.at_once)


def _submit(arguments: argparse.Namespace) -> None:
    from bids_app.engines.slurm_options import read_request

    request = read_request(arguments.arguments)
    from bids_app.engines.slurm import submit  # slow to import

    submit(request)


def _status(arguments: argparse.Namespace) -> int:
    from bids_app.run.status import show_status

    return show_status(arguments.out_dir.expanduser().resolve())


def _fetch(arguments: argparse.Namespace) -> None:
    from bids_app.machine.live import say
    from bids_app.machine.resources import fetch, pieces_to_fetch

    pieces = pieces_to_fetch(arguments.model, arguments.model_revision, arguments.atlas, arguments.space)
    for line in fetch(pieces, arguments.to.expanduser().resolve()):
        say(line)


def _finetune(arguments: argparse.Namespace) -> None:
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # for the same bits on a GPU; read when torch starts
    goals = goals_of(arguments.alpha, arguments.controls)  # before anything slow is imported
    from bids_app.finetune.run import Request, finetune
    from bids_app.machine.log import start_log
    from bids_app.machine.resources import folders_of, model_source

    start_log(0)
    revision, folders = model_source(arguments.model, arguments.model_revision, folders_of(arguments.resources))
    request = Request(
        text=arguments.text.expanduser(),
        model=arguments.model,
        target=arguments.to.expanduser().resolve(),
        goals=tuple(goals),
        numbers=numbers_of(arguments),
        layer=arguments.target_layer,
        revision=revision,
        resources=tuple(folders),
        download=arguments.resources is None,
        device=arguments.device,
        at_once=arguments.at_once,
        save_every=arguments.save_every,
    )
    for folder in finetune(request):
        print(folder)


def _figure(arguments: argparse.Namespace) -> None:
    figure_arguments.draw(arguments)


COMMANDS: dict[str, Callable[[argparse.Namespace], int | None]] = {
    "check": _check,
    "demo": _demo,
    "evaluate": _evaluate,
    "fetch": _fetch,
    "figure": _figure,
    "finetune": _finetune,
    "plan": _plan,
    "status": _status,
    "submit": _submit,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one sub-command; returns the exit status."""
    words = sys.argv[1:] if argv is None else list(argv)
    return at_the_border("n2n", lambda: _main(words), words, is_program=argv is None)


def _main(argv: Sequence[str]) -> int:
    arguments = make_parser().parse_args(normalise(argv))
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as in bids_app.cli
    from bids_app.home import keep_caches_in

    keep_caches_in(Path(tempfile.gettempdir()) / "neurons2networks-cache")
    try:
        return COMMANDS[arguments.command](arguments) or 0
    except (ValueError, OSError, RuntimeError) as error:
        print(f"n2n {arguments.command}: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    raise SystemExit(main())
