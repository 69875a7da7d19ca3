"""`spacy binder convert`: convert source files of a known format to DocBins."""

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional, get_type_hints

from spacy.cli._util import Arg, Opt
from wasabi import msg

from .output import check_file, check_folder

if TYPE_CHECKING:
    from spacy.tokens import Doc

    from ..corpora.problems import Problems

# Characters of labels to show.
SHOWN_LABELS = 300

# Part of a corpus -> what files of it are called.
PARTS = {"train": "train(ing)?", "dev": "(dev(el)?|development|val(id)?|validation|testa)", "test": "test(b|ing)?"}
# Type of an option -> words for it, and whether a value has it.
VALUES: dict[Any, tuple[str, Callable[[Any], bool]]] = {
    str: ("a text", lambda value: isinstance(value, str)),
    int: ("a whole number", lambda value: type(value) is int),
    bool: ("true or false", lambda value: isinstance(value, bool)),
    Optional[Path]: ("a path", lambda value: value is None or isinstance(value, str)),
    Optional[list[int]]: (
        "a list of whole numbers such as [1, 2]",
        lambda value: value is None or (isinstance(value, list) and all(type(item) is int for item in value)),
    ),
}


def convert_cli(
    source: Annotated[Path, Arg(help="File or folder to read", exists=True)],
    output: Annotated[Path, Arg(help="File that ends in .spacy, or folder for several files")],
    name: Annotated[str, Opt("--format", "-f", help="Name of the format. An unknown name prints all names")],
    lang: Annotated[str, Opt("--lang", "-l", help="Language of the tokenizer, for formats of plain text")] = "en",
    spans_key: Annotated[str, Opt("--spans-key", "-sc", help="Key of doc.spans that receives the spans")] = "sc",
    strict: Annotated[bool, Opt("--strict", "-S", help="Stop at the first annotation that does not fit")] = False,
    shard: Annotated[int, Opt("--shard", "-n", min=1, help="Maximum documents per file, if OUTPUT is a folder")] = 1000,
    annotated: Annotated[
        Optional[str],
        Opt("--annotated", "-a", help="Types that were annotated in the documents, such as PER,ORG, or a JSON file"),
    ] = None,
    annotated_found: Annotated[
        bool, Opt("--annotated-found", "-A", help="All types that occur in SOURCE were annotated. It is read twice")
    ] = False,
    settings: Annotated[
        Optional[list[str]], Opt("--set", "-s", help="Option of the format, as name=value. Can be repeated")
    ] = None,
) -> None:
    """Convert files to DocBins with spans, one document at a time.

    OUTPUT is a file or a folder. `spacy train` reads both. A file is held in memory until it is written. Annotations
    that do not fit, such as a span that ends inside a token, are counted and shown at the end.

    Without `--annotated` and `--annotated-found`, documents don't say which types were annotated in them, which means
    all. With both, it is the types of the list and those that occur. Documents that say it themselves stay as they are.
    """
    import spacy
    from tqdm import tqdm

    from ..corpora.annotated import find_labels
    from ..corpora.docbins import HEADER, SUFFIX, write_docbins
    from ..corpora.formats import FORMATS
    from ..corpora.problems import Problems, shorten

    if name not in FORMATS:
        msg.fail(f"Unknown format '{name}'", f"There are: {', '.join(sorted(FORMATS))}.", exits=1)
    if output.is_dir() and any(output.glob(f"*{SUFFIX}")):
        msg.fail(f"{printable(output)} already contains DocBins", "Remove them, or name another folder.", exits=1)
    problems = Problems(strict=strict)
    try:
        (check_file if output.suffix == SUFFIX else check_folder)(output)
        options = parse_options(name, settings or [])

        def read(problems: "Problems") -> "Iterator[Doc]":
            return FORMATS[name](source, spacy.blank(lang), spans_key=spans_key, problems=problems, **options)

        labels = None if annotated is None else parse_labels(annotated)
        if annotated_found:
            labels = [*dict.fromkeys([*(labels or ()), *find_labels(read(Problems(strict=strict)), spans_key)])]
        docs = read(problems) if labels is None else said(read(problems), labels, spans_key)
        # disable=None: no progress bar without a terminal.
        with tqdm(docs, unit=" documents", disable=None) as progress:
            counts = write_docbins(progress, output, spans_key=spans_key, shard=shard)
    except (ImportError, OSError, ValueError) as error:
        show_problems(problems)
        msg.fail(f"Can't convert {printable(source)} from '{name}'", printable(error), exits=1)
        return
    msg.table([counts.row()], header=HEADER, divider=True, aligns=("r",) * len(HEADER))
    show_problems(problems)
    if labels is not None:
        msg.info(f"Types that were annotated in all documents: {shorten(', '.join(labels), SHOWN_LABELS)}")
    parts = files_of_parts(source)
    # These options choose documents of one part.
    if parts and not {"split", "names", "documents"} & {option for option, value in options.items() if value}:
        listed = ", ".join(printable(file.relative_to(source)) for file in parts.values())
        msg.warn(
            f"{printable(source)} has files of several parts, and the documents of all of them are in "
            f"{printable(output)}: {listed}",
            f"To train, convert each part to a file of its own: {printable(parts['train'])} to train.spacy, and so on.",
        )
    msg.good(f"Wrote {counts.documents:,} documents", printable(output))


def files_of_parts(source: Path) -> dict[str, Path]:
    """Look in a folder for files of a training part and of other parts, by their names.

    source (Path): The file or folder that was read.
    RETURNS (dict[str, Path]): One file or folder per part. Empty unless there are a training part and another.
    """
    parts: dict[str, Path] = {}
    for path in sorted(source.iterdir()) if source.is_dir() else ():
        for part, pattern in PARTS.items():
            if not path.name.startswith(".") and re.search(rf"(?<![a-z]){pattern}(?![a-z])", path.name.lower()):
                parts.setdefault(part, path)
    return parts if "train" in parts and len(parts) > 1 else {}


def show_problems(problems: "Problems") -> None:
    """Print a table of the annotations that were left out or changed, if there are any."""
    from ..corpora.problems import HEADER

    if problems.counts:
        rows = [tuple(map(printable, row)) for row in problems.rows()]
        msg.table(rows, header=HEADER, divider=True, aligns=("l", "r", "l", "l"), max_col=100)


def printable(value: object) -> str:
    """RETURNS (str): A value as text. Names of files need not be in UTF-8, and could not be printed."""
    return str(value).encode("utf-8", "backslashreplace").decode("utf-8")


def parse_options(name: str, settings: list[str]) -> dict[str, Any]:
    """Read options of a format from the command line.

    name (str): The format.
    settings (list[str]): Each one `name=value`. For a string or a path, a value that is not JSON is meant as it is.
    RETURNS (dict[str, Any]): The options.
    RAISES (ValueError): If the format has no such option, or a value is of another type.
    """
    from ..corpora.formats import FORMATS
    from ..corpora.source import reader_options
    from ..errors import Errors

    defaults = reader_options(FORMATS[name])
    types = get_type_hints(FORMATS[name])
    options: dict[str, Any] = {}
    for setting in settings:
        option, _, text = setting.partition("=")
        if option not in defaults:
            known = ", ".join(f"{known}={default}" for known, default in defaults.items()) or "none"
            raise ValueError(Errors.B016.format(kind=f"option of format '{name}'", name=option, known=known))
        expected, fits = VALUES[types[option]]
        options[option] = _parse(text)
        if not fits(options[option]):
            if not fits(text):
                raise ValueError(
                    Errors.B049.format(option=option, name=f"format '{name}'", value=text, expected=expected)
                )
            options[option] = text
    return options


def parse_labels(text: str) -> list[str]:
    """Read the labels of `--annotated`.

    text (str): Labels with commas between them, a list in JSON, or a file that ends in .json with a list of labels or
        an object with labels as keys.
    RETURNS (list[str]): The labels.
    RAISES (ValueError): If there is no label, or the file can't be read or has something else.
    """
    from ..errors import Errors

    is_file = text.endswith(".json")
    try:
        given = _parse(Path(text).read_text(encoding="utf8") if is_file else text)
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(Errors.B044.format(path=text, cause=error)) from None
    if not is_file and not isinstance(given, list):
        given = [label.strip() for label in text.split(",")]
    labels = list(given) if isinstance(given, (list, dict)) else []
    if not labels or not all(isinstance(label, str) and label.strip() for label in labels):
        expected = "labels such as PER,ORG, or a file that ends in .json with a list of labels or a dict"
        raise ValueError(Errors.B049.format(option="--annotated", name="convert", expected=expected, value=text))
    return labels


def said(docs: "Iterable[Doc]", labels: list[str], spans_key: str) -> "Iterator[Doc]":
    """Let docs say which types were annotated in them.

    docs (Iterable[Doc]): The docs.
    labels (list[str]): The labels of the types.
    spans_key (str): Key of doc.spans with the gold spans.
    YIELDS (Doc): The docs.
    RAISES (ValueError): If a span has another label.
    """
    from ..corpora.annotated import say_annotated

    for doc in docs:
        say_annotated(doc, labels, spans_key)
        yield doc


def _parse(text: str) -> Any:
    import srsly

    try:
        return srsly.json_loads(text)
    except ValueError:
        return text
