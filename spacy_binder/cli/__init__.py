"""Register the commands of `python -m spacy binder`, one per file."""

import warnings

from spacy.cli._util import app as spacy_cli
from typer import Typer

from .annotate import annotate_cli
from .app import app_cli
from .calibrate import calibrate_cli
from .compact import compact_cli
from .convert import convert_cli
from .evaluate import evaluate_cli
from .init_config import init_config_cli
from .optimize import optimize_cli
from .output import warning_text
from .serve import serve_cli

binder_cli = Typer(name="binder", help="Commands of spacy-binder", no_args_is_help=True)
spacy_cli.add_typer(binder_cli)


@binder_cli.callback()
def binder() -> None:
    """Commands of spacy-binder."""
    warnings.formatwarning = warning_text


binder_cli.command("calibrate")(calibrate_cli)
binder_cli.command("evaluate")(evaluate_cli)
binder_cli.command("optimize")(optimize_cli)
binder_cli.command("compact")(compact_cli)
binder_cli.command("convert")(convert_cli)
binder_cli.command("init-config")(init_config_cli)
binder_cli.command("annotate")(annotate_cli)
binder_cli.command("app")(app_cli)
binder_cli.command("serve")(serve_cli)
