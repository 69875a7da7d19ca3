"""`spacy binder compact`: make a smaller pipeline, without its type encoder."""

from pathlib import Path
from typing import Annotated

from spacy.cli._util import Arg, Opt
from wasabi import msg

from .output import check_folder, clean_errors


def compact_cli(
    model: Annotated[str, Arg(help="Pipeline to make smaller: a folder or the name of an installed one")],
    output: Annotated[Path, Opt("--output", "-o", help="Folder to save the small pipeline to")],
    component: Annotated[str, Opt("--component", help="Name of the binder_ner, if there are several")] = "",
) -> None:
    """Save a pipeline without its type encoder, which is about half of its size.

    The vectors of its descriptions take the place of the encoder. It finds the same spans. Labels can be removed, and
    have examples. New descriptions and training are no longer possible, so keep the whole pipeline for these.
    """
    from spacy.util import load_model

    from ..analysis.compaction import compact
    from ..analysis.component import find_component, get_component

    with clean_errors("Can't make the pipeline smaller"):
        check_folder(output)
        nlp = load_model(model)
        name = find_component(nlp, component)
        compact(nlp, name)
        output.parent.mkdir(parents=True, exist_ok=True)
        nlp.to_disk(output)
        labels = get_component(nlp, name).labels
    size = sum(path.stat().st_size for path in Path(output).rglob("*") if path.is_file())
    msg.good(f"Saved the pipeline with {len(labels)} labels in {size / 1e6:,.0f} MB", str(output))
