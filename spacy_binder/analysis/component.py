"""Find the component of a pipeline, and change its settings for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from spacy.language import Language

from ..errors import Errors
from ..pipeline import BinderNER

FACTORY = "binder_ner"


def find_component(nlp: Language, name: str = "", *, option: str = "--component") -> str:
    """Find the `binder_ner` of a pipeline.

    nlp (Language): The pipeline.
    name (str): The component's name. Only needed if the pipeline has several.
    option (str): What the name is given by, for the message. Defaults to "--component".
    RETURNS (str): The component's name.
    RAISES (ValueError): If there is none, or if there are several and no name is given.
    """
    names = [pipe for pipe, factory in nlp.pipe_factories.items() if factory == FACTORY]
    if name and name not in names:
        raise ValueError(Errors.B016.format(kind="component", name=name, known=", ".join(names) or "none"))
    if not name and len(names) != 1:
        listed = ", ".join(names) or "none"
        raise ValueError(Errors.B019.format(n=len(names), names=listed, option=option))
    return name or names[0]


def get_component(nlp: Language, name: str) -> BinderNER:
    """RETURNS (BinderNER): The component of that name."""
    pipe = nlp.get_pipe(name)
    assert isinstance(pipe, BinderNER)
    return pipe


@contextmanager
def changed(pipe: BinderNER, **settings: Any) -> Iterator[None]:
    """Change entries of a component's cfg inside a `with` block, and restore them at its end.

    pipe (BinderNER): The component.
    **settings: The entries and their new values.
    """
    before = {name: pipe.cfg[name] for name in settings}
    pipe.cfg.update(settings)
    try:
        yield
    finally:
        pipe.cfg.update(before)
