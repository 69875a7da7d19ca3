"""Load a pipeline, and make its HTTP interface."""

from __future__ import annotations

from typing import Optional

from fastapi import FastAPI

from ..analysis.component import find_component
from .api import make_api
from .settings import ServerSettings


def load_api(settings: ServerSettings, *, gpu: bool = False, threads: Optional[float] = None) -> FastAPI:
    """Load a pipeline, and make its HTTP interface.

    settings (ServerSettings): The pipeline, and how it is served.
    gpu (bool): Whether the pipeline has to run on a GPU.
    threads (float, optional): The threads of torch. If None, as many as torch takes.
    RETURNS (FastAPI): The interface.
    RAISES (ValueError): If there is no such pipeline or component.
    """
    import torch
    from spacy.util import load_model
    from thinc.api import require_gpu

    if gpu:
        require_gpu()
    if threads is not None:
        torch.set_num_threads(max(1, int(threads)))
    nlp = load_model(settings.model)
    # Requests with longer texts are refused before.
    nlp.max_length = max(nlp.max_length, settings.limits.text_length)
    return make_api(nlp, find_component(nlp, settings.component), settings)
