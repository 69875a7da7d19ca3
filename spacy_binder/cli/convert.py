"""`spacy binder convert`: convert source files of a known format to DocBins."""

from pathlib import Path
from typing import Annotated, Any, Optional

from spacy.cli._util import Arg, Opt
from wasabi import msg


def convert_cli(
    source: Annotated[Path, Arg(help="File or folder to read", exists=True)],
    output: Annotated[Path, Arg(help="File that ends in .spacy, or folder for several files")],
    name: Annotated[str, Opt("--format", "-f", help="Name of the format. An unknown name prints all names")],
    lang: Annotated[str, Opt("--lang", "-l", help="Language of the tokenizer, for formats of plain text")] = "en",
    spans_key: Annotated[str, Opt("--spans-key", "-sc", help="Key of doc.spans that receives the spans")] = "sc",
    strict: Annotated[bool, Opt("--strict", "-S", help="Stop at the first annotation that does not fit")] = False,
    shard: Annotated[int, Opt("--shard", "-n", min=1, help="Maximum documents per file, if OUTPUT is a folder")] = 1000,
    settings: Annotated[
        Optional[list[str]], Opt("--set", "-s", help="Option of the format, as name=value. Can be repeated")
    ] = None,
) -> None:
    """Convert files to DocBins with spans, one document at a time.

    OUTPUT is a file or a folder. `spacy train` reads both. A file is held in memory until it is written. Annotations
    that do not fit, such as a span that ends inside a token, are counted and shown at the end.
    """
    import spacy
    from tqdm import tqdm

    from ..corpora.docbins import HEADER, write_docbins
    from ..corpora.formats import FORMATS
    from ..corpora.problems import HEADER as PROBLEMS_HEADER
    from ..corpora.problems import Problems

    if name not in FORMATS:
        msg.fail(f"Unknown format '{name}'", f"There are: {', '.join(sorted(FORMATS))}.", exits=1)
    if output.is_dir() and any(output.glob("*.spacy")):
        msg.fail(f"{output} already contains DocBins", "Remove them, or name another folder.", exits=1)
    problems = Problems(strict=strict)
    try:
        options = parse_options(name, settings or [])
        docs = FORMATS[name](source, spacy.blank(lang), spans_key=spans_key, problems=problems, **options)
        # disable=None: no progress bar without a terminal.
        with tqdm(docs, unit=" documents", disable=None) as progress:
            counts = write_docbins(progress, output, spans_key=spans_key, shard=shard)
    except (ImportError, ValueError) as error:
        msg.fail(f"Can't read {source} as {name}", str(error), exits=1)
        return
    msg.table([counts.row()], header=HEADER, divider=True, aligns=("r",) * len(HEADER))
    if problems.counts:
        msg.table(problems.rows(), header=PROBLEMS_HEADER, divider=True, aligns=("l", "r", "l", "l"), max_col=100)
    msg.good(f"Wrote {counts.documents:,} documents", str(output))


def parse_options(name: str, settings: list[str]) -> dict[str, Any]:
    """Read options of a format from the command line.

    name (str): The format.
    settings (list[str]): Each one `name=value`. A value that is not JSON is a string.
    RETURNS (dict[str, Any]): The options.
    RAISES (ValueError): If the format has no such option.
    """
    import srsly

    from ..corpora.formats import FORMATS
    from ..corpora.source import reader_options
    from ..errors import Errors

    defaults = reader_options(FORMATS[name])
    options: dict[str, Any] = {}
    for setting in settings:
        option, _, value = setting.partition("=")
        if option not in defaults:
            known = ", ".join(f"{known}={default}" for known, default in defaults.items()) or "none"
            raise ValueError(Errors.B016.format(kind=f"option of format '{name}'", name=option, known=known))
        try:
            options[option] = srsly.json_loads(value)
        except ValueError:
            options[option] = value
    return options
