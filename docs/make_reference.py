"""Write docs/reference from docstrings, signatures, commands, configs and messages: `make reference`.

tests/docs/test_reference.py fails where a page is not what this script writes.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
from collections.abc import Callable, Iterable
from configparser import ConfigParser
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import click
import typer
from spacy.language import Language
from spacy.util import load_config, registry

from spacy_binder.cli import binder_cli
from spacy_binder.config import DEFAULT_MODEL
from spacy_binder.corpora.formats import make_inline_corpus
from spacy_binder.corpora.source import SourceCorpus
from spacy_binder.errors import Errors, Warnings
from spacy_binder.factory import make_binder_ner
from spacy_binder.labels import TypedPipe
from spacy_binder.pipeline import BinderNER
from spacy_binder.scorer import binder_score

DOCS = Path(__file__).parent
ROOT = DOCS.parent
NOTE = "<!-- Written by docs/make_reference.py. Change what it reads, then run `make reference`. -->"
TABLE_START = "<!-- modules: written by docs/make_reference.py -->"
TABLE_END = "<!-- end of modules -->"
# The arguments that all readers have. `SourceCorpus` describes them.
SHARED = ("path", "spans_key", "strict", "max_length", "augmenter", "annotated")
# The settings of `spacy_binder.Binder.v1` that are blocks of their own.
BLOCKS = ("text_encoder", "type_encoder", "scorer")
PARTS_OF_A_MIX = tuple(f"corpora.{part}.{block}." for part in ("train", "dev") for block in ("corpora", "labels"))
# A line of a docstring that starts a part, such as `name (str): text` or `RAISES (ValueError): text`.
PART = re.compile(r"(\*{0,2}\w+(?:, \w+)*) \(([^)]*(?:\([^)]*\))?[^)]*)\): (.*)|(\*\*\w+): (.*)")


@dataclass
class Described:
    """A docstring in parts.

    summary (str): Its paragraphs.
    arguments (dict): Type and text of each argument.
    results (list): Kind (RETURNS, YIELDS or RAISES), type and text.
    """

    summary: str
    arguments: dict[str, tuple[str, str]] = field(default_factory=dict)
    results: list[tuple[str, str, str]] = field(default_factory=list)


def describe(function: Any) -> Described:
    """RETURNS (Described): The docstring of a function in parts."""
    lines = (inspect.getdoc(function) or "").splitlines()
    starts = [i for i, line in enumerate(lines) if PART.fullmatch(line)]
    summary = "\n".join(lines[: starts[0]] if starts else lines).strip()
    found = Described(re.sub(r"(?<!\n)\n(?!\n)", " ", summary))
    for start, end in pairwise([*starts, len(lines)]):
        text = " ".join(line.strip() for line in lines[start:end] if line.strip())
        match = PART.fullmatch(text)
        assert match, text
        names, kind, words = (match[1], match[2], match[3]) if match[1] else (match[4], "", match[5])
        if names in ("RETURNS", "YIELDS", "RAISES"):
            found.results.append((names, kind, words))
            continue
        for name in names.split(", "):
            found.arguments[name.lstrip("*")] = (plain_type(kind), words)
    return found


def plain_type(kind: str) -> str:
    """RETURNS (str): A type in words: `Optional[Path]` is a Path."""
    kind = re.sub(r"Optional\[(.*)\]", r"\1", kind.removesuffix(", optional"))
    return re.sub(r"Union\[(.*), (.*)\]", r"\1 or \2", kind).replace(" / ", " or ")


def cell(text: str) -> str:
    """RETURNS (str): A text as the cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")


def table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """RETURNS (str): A table in Markdown."""
    header = list(header)
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cell(value) for value in line)} |" for line in lines)


def value(default: Any) -> str:
    """RETURNS (str): A default as it is written in a config."""
    return "required" if default is inspect.Parameter.empty else f"`{json.dumps(default, ensure_ascii=False)}`"


def argument_table(function: Callable, described: Described, *, skip: Iterable[str] = ()) -> str:
    """RETURNS (str): The arguments of a function with type, default and text."""
    rows = []
    unknown = described.arguments.keys() - inspect.signature(function).parameters.keys()
    assert not unknown, f"{function.__name__} has no argument {unknown}"
    for name, parameter in inspect.signature(function).parameters.items():
        if name not in skip:
            assert name in described.arguments, f"the docstring of {function.__name__} has no {name}"
            kind, text = described.arguments[name]
            rows.append((f"`{name}`", kind, value(parameter.default), without_default(text)))
    return table(("setting", "type", "default", "what it does"), rows)


def without_default(text: str) -> str:
    """RETURNS (str): A text without what the column of defaults says."""
    return re.sub(r' Defaults to (?:True|False|None|none|"[^"]*"|-?\d+(?:\.\d+)?)\.(?= |$)', "", text)


def results(described: Described) -> str:
    """RETURNS (str): What a function returns and raises, as a list."""
    words = {"RETURNS": "Returns", "YIELDS": "Yields", "RAISES": "Raises"}
    return "\n".join(f"- {words[kind]} `{type_}`: {text}" for kind, type_, text in described.results)


def page(title: str, *parts: str) -> str:
    """RETURNS (str): A page."""
    return "\n\n".join((NOTE, f"# {title}", *(part.strip() for part in parts if part.strip()))) + "\n"


def component_page() -> str:
    """RETURNS (str): The component: its settings, its scores and its methods."""
    meta = Language.get_factory_meta("binder_ner")
    described = describe(make_binder_ner)
    defaults = meta.default_config
    rows = []
    for name, (kind, text) in described.arguments.items():
        shown = "see [architectures](architectures.md)" if name == "model" else value(defaults[name])
        if name == "scorer":
            shown = f"`{defaults[name]['@scorers']}`"
        rows.append((f"`{name}`", kind, shown, without_default(text)))
    settings = table(("setting", "type", "default", "what it does"), rows)
    weights = table(
        ("score", "weight"), ((f"`{score}`", value(weight)) for score, weight in meta.default_score_weights.items())
    )
    parts = []
    members = {**vars(BinderNER), **vars(TypedPipe)}
    for name, member in members.items():
        if name.startswith("_") or not (callable(member) or isinstance(member, property)):
            continue
        if isinstance(member, property):
            [(_, kind, text)] = describe(member.fget).results
            parts.append(f"### {name}\n\n`{kind}`: {text}")
            continue
        of_method = describe(member)
        signature = str(inspect.signature(member)).replace("(self, ", "(").replace("(self)", "()")
        arguments = "\n".join(f"- `{name}` ({kind}): {text}" for name, (kind, text) in of_method.arguments.items())
        head = f"### {name}\n\n{of_method.summary}\n\n```text\n{name}{plain_types(signature)}\n```"
        parts.append("\n\n".join(filter(None, (head, "\n".join(filter(None, (arguments, results(of_method))))))))
    return page(
        "The component `binder_ner`",
        described.summary.split(". ", 1)[1],
        '`nlp.add_pipe("binder_ner", config={...})` adds one to a pipeline. `config` has the settings that are not to '
        "be the defaults.",
        "## Settings",
        "All but `model`, `loss_weights` and `scorer` are in `cfg` of the component. They can be changed there at any "
        "time, and are saved with it.",
        settings,
        "## Scores\n\nThese are the default weights in `[training.score_weights]`. `null` means that a score is "
        "computed and does not count.",
        weights,
        "## Methods and attributes\n\nThe component is a `TrainablePipe` of spaCy. What it inherits, such as `pipe`, "
        "`score`, `to_bytes` and `use_params`, is in "
        "[spaCy's documentation](https://spacy.io/api/pipe).",
        *parts,
    )


def plain_types(signature: str) -> str:
    """RETURNS (str): A signature with the names of types alone."""
    names = r"\b(?:[a-z_]+\.)+(?=[A-Z])"
    return re.sub(names, "", signature).replace("NoneType", "None").replace("'", "")


def architectures_page() -> str:
    """RETURNS (str): Architectures, and what else a config can name."""
    kinds = {
        "architectures": "Architectures",
        "augmenters": "Augmenters of training documents",
        "callbacks": "Callbacks",
        "scorers": "Scorers",
    }
    parts = []
    for kind, title in kinds.items():
        parts.append(f"## {title}")
        for name, function in registered(kind):
            described = describe(binder_score if kind == "scorers" else function)
            if kind == "scorers":
                described.arguments.clear()
            summary = re.sub(r" \(`[^`]*`(, paper section [\d.]+)?\)", "", described.summary)
            arguments = argument_table(function, described) if described.arguments else ""
            parts += [f"### `{name}`", summary, arguments, results(described)]
    return page(
        "Architectures and other registered functions",
        "A config names them by `@architectures`, `@augmenters`, `@callbacks` or `@scorers`. Readers have "
        "[their own page](readers.md).",
        f"`add_pipe` without settings makes a model with these defaults, except for {', '.join(changed_defaults())}.",
        *parts,
    )


def changed_defaults() -> Iterable[str]:
    """YIELDS (str): The settings of the default model that are not the defaults of the architectures."""
    for block in (DEFAULT_MODEL, *(block for block in DEFAULT_MODEL.values() if isinstance(block, dict))):
        name = block["@architectures"]
        for setting, parameter in inspect.signature(registry.architectures.get(name)).parameters.items():
            default = parameter.default
            if setting in block and default not in (inspect.Parameter.empty, block[setting]) and setting not in BLOCKS:
                yield f"`{setting} = {json.dumps(block[setting])}` of `{name}`"


def registered(kind: str) -> list[tuple[str, Callable]]:
    """RETURNS (list[tuple[str, Callable]]): Names and functions that the package registers, in order of setup.cfg."""
    parser = ConfigParser(delimiters=("=",))
    parser.optionxform = str  # type: ignore[method-assign, assignment]
    parser.read(ROOT / "setup.cfg", encoding="utf8")
    names = [line.split("=")[0].strip() for line in parser["options.entry_points"][f"spacy_{kind}"].splitlines()]
    return [(name, getattr(registry, kind).get(name)) for name in names if name]


def readers_page() -> str:
    """RETURNS (str): The readers, which are also the formats of `convert`."""
    shared = describe(SourceCorpus.__init__)
    sections: dict[Callable, list[str]] = {}
    for name, function in registered("readers"):
        sections.setdefault(function, []).append(name)
    parts: list[str] = []
    mixing: list[str] = []
    for function, names in sections.items():
        described = describe(function)
        reads_files = function.__module__ == make_inline_corpus.__module__
        skip = SHARED if reads_files else ()
        rows = argument_table(function, described, skip=skip) if described.arguments else ""
        summary = re.sub(r" \(`[^`]*`\)", "", described.summary.removesuffix(" No options of its own."))
        (parts if reads_files else mixing).extend([f"### {', '.join(f'`{name}`' for name in names)}", summary, rows])
    rows = argument_table(SourceCorpus.__init__, shared, skip=("self", "read", "options"))
    return page(
        "Readers",
        "Each format is a reader of `spacy train`, which a config names by `@readers`, and a format of "
        "[`spacy binder convert`](cli.md#convert). There its name is the part between `spacy_binder.` and `.v1`, and "
        "`--set name=value` sets an option. [Data](../guide/data.md) shows what the files look like.",
        "## Settings of all formats",
        rows,
        "## Formats and their own options",
        *parts,
        "## Corpora made of others\n\nThese are for [continued training](../guide/continue.md), for "
        "[mixing corpora](../guide/mixing.md), and for documents in which "
        "[some types were annotated](../guide/data.md#documents-in-which-some-types-were-annotated).",
        *mixing,
    )


def cli_page() -> str:
    """RETURNS (str): The commands with their arguments and options."""
    commands: Any = typer.main.get_command(binder_cli)
    parts = []
    for name, command in commands.commands.items():
        rows = []
        usage = [f"python -m spacy binder {name}"]
        for parameter in command.params:
            if getattr(parameter, "hidden", False):
                continue
            if isinstance(parameter, click.Argument) or parameter.param_type_name == "argument":
                shown, default = f"`{parameter.name.upper()}`", "required"
                usage.append(parameter.name.upper())
            else:
                shown = ", ".join(f"`{option}`" for option in (*parameter.opts, *parameter.secondary_opts))
                default = "required" if parameter.required else option_default(parameter)
            rows.append((shown, default, f"{parameter.help.rstrip('.')}."))
        usage.append("[OPTIONS]")
        help_text = re.sub(r"(?<!\n)\n(?!\n)", " ", command.help.strip())
        parts += [f"## {name}", help_text, f"```text\n{' '.join(usage)}\n```"]
        parts.append(table(("argument or option", "default", "what it is"), rows))
    return page(
        "Commands",
        "They are commands of spaCy: `python -m spacy binder COMMAND`. `--help` after a command prints what this page "
        "says. A mistake that you can mend ends a command with one message and exit status 1.",
        *parts,
    )


def option_default(parameter: Any) -> str:
    """RETURNS (str): The default of an option, or nothing where there is none."""
    if parameter.is_flag:
        return "on" if parameter.default else "off"
    return "" if parameter.default in (None, "") else f"`{parameter.default}`"


def configs_page() -> str:
    """RETURNS (str): The files in configs/, and the settings in which they differ."""
    paths = sorted((ROOT / "configs").glob("*.cfg"))
    # The most general one is what the others are compared with.
    paths.sort(key=lambda path: path.stem != "binder")
    settings = {path.stem: dict(flat(load_config(path))) for path in paths}
    # One that takes the component from a trained pipeline has none of its settings.
    compared = [path for path in paths if "components.binder_ner.source" not in settings[path.stem]]
    rows = []
    for path in paths:
        comment = [line[2:] for line in path.read_text(encoding="utf8").splitlines() if line.startswith("# ")]
        text = " ".join(comment).split(" Differs from ")[0].split("From the repository root")[0]
        rows.append((f"[{path.name}](../../configs/{path.name})", text))
    first, *others = (settings[path.stem] for path in compared)
    names = list(dict.fromkeys(name for of_config in (first, *others) for name in of_config))
    # The corpora of a mix and their labels are too many for a table.
    names = [name for name in names if not name.startswith(PARTS_OF_A_MIX)]
    differences = []
    for name in names:
        if any(other.get(name) != first.get(name) for other in others):
            # An empty cell is easier to read than the same value again.
            cells = ("" if other.get(name) == first.get(name) else shown(other, name) for other in others)
            differences.append((f"`{name.removeprefix('components.binder_ner.')}`", shown(first, name), *cells))
    return page(
        "Configs",
        "They train on what the command `corpus` of the project makes, `binder_open` on what its workflow `open` "
        "makes. [`spacy binder init-config`](cli.md#init-config) writes a config for your own data. All of them fix "
        "the seed and keep the pipeline that is best on the development part. All but `binder_open` stop early "
        "(`patience`).",
        table(("file", "what it is for"), rows),
        "## Settings in which they differ\n\n`binder_continue` is not among them: it takes the component with its "
        "settings from a trained pipeline. The corpora of `binder_open` and their labels are in the file alone. An "
        f"empty cell means the value of `{paths[0].stem}`. A dash means that the config does not have the setting. "
        "Names without a section are settings of the component, such as `components.binder_ner.threshold`.",
        table(("setting", *(f"`{path.stem}`" for path in compared)), differences),
    )


def shown(settings: dict[str, Any], name: str) -> str:
    """RETURNS (str): The value of a setting, or a dash where a config does not have it."""
    return value(settings[name]) if name in settings else "-"


def flat(config: Any, prefix: str = "") -> Iterable[tuple[str, Any]]:
    """YIELDS (tuple[str, Any]): Dotted name and value of each setting of a config."""
    for name, content in config.items():
        if isinstance(content, dict) and content:
            yield from flat(content, f"{prefix}{name}.")
        else:
            yield prefix + name, content


def errors_page() -> str:
    """RETURNS (str): Codes and messages of errors and warnings."""
    parts = []
    for kind, title in ((Errors, "Errors"), (Warnings, "Warnings")):
        rows = []
        for code, message in vars(kind).items():
            if re.fullmatch(r"BW?\d+", code):
                rows.append((f'<a id="{code.lower()}"></a>{code}', message_text(message)))
        parts += [f"## {title}", table(("code", "message"), rows)]
    return page(
        "Errors and warnings",
        "Each message starts with its code. Words in italics, and words in braces, stand for what is filled in. "
        "Mistakes for which spaCy has a code, such "
        "as E109, have that code.",
        *parts,
    )


def message_text(message: str) -> str:
    """RETURNS (str): A message without its code, as Markdown. What is filled in is in italics."""
    text = message.split("] ", 1)[1]
    parts = re.split(r"(`[^`]*`)", text)
    for i in range(0, len(parts), 2):
        plain = re.sub(r"([\\*_<>\[\]])", r"\\\1", parts[i])
        parts[i] = re.sub(r"\{(\w+|\w+(?:\\_\w+)+)(?:![rs])?(?::[^}]*)?\}", filled_in, plain)
    return "".join(parts).replace("\n", " ")


def filled_in(match: re.Match[str]) -> str:
    """RETURNS (str): The name of what is filled in, in italics."""
    return f"*{match[1].replace(chr(92), '').replace('_', ' ')}*"


PAGES = {
    "component": component_page,
    "architectures": architectures_page,
    "cli": cli_page,
    "readers": readers_page,
    "configs": configs_page,
    "errors": errors_page,
}


def modules_table() -> str:
    """RETURNS (str): What each module of the package is for, in the order of tests/test_layout.py."""
    source = ast.parse((ROOT / "tests" / "test_layout.py").read_text(encoding="utf8"))
    [order] = (
        node.value for node in source.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "ROWS"
    )
    package = ROOT / "spacy_binder"
    cells = []
    for number, names in enumerate(ast.literal_eval(order), start=1):
        for path in sorted(
            path for name in names for path in (package / f"{name}.py", *(package / name).rglob("*.py"))
        ):
            if path.exists() and path.name != "__init__.py":
                summary = ast.get_docstring(ast.parse(path.read_text(encoding="utf8"))) or ""
                first = " ".join(summary.split("\n\n")[0].split())
                cells.append((str(number), f"`{path.relative_to(package).as_posix()}`", first))
    return table(("row", "module", "what it is for"), cells)


def architecture_page() -> str:
    """RETURNS (str): docs/architecture.md with the table of modules as it is now."""
    text = (DOCS / "architecture.md").read_text(encoding="utf8")
    before, rest = text.split(f"{TABLE_START}\n")
    return f"{before}{TABLE_START}\n\n{modules_table()}\n\n{TABLE_END}{rest.split(TABLE_END)[1]}"


def main() -> None:
    """Write all pages, and the table of modules in docs/architecture.md."""
    folder = DOCS / "reference"
    folder.mkdir(exist_ok=True)
    for name, make in PAGES.items():
        (folder / f"{name}.md").write_text(make(), encoding="utf8")
    (DOCS / "architecture.md").write_text(architecture_page(), encoding="utf8")


if __name__ == "__main__":
    main()
