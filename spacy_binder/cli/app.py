"""`spacy binder app`: open a page in the browser, to try a pipeline on one's own text and types."""

from typing import Annotated, Optional

from spacy.cli._util import Arg, Opt
from wasabi import msg

from .output import clean_errors


def app_cli(
    model: Annotated[str, Arg(help="Pipeline to try: a folder or the name of an installed one")],
    port: Annotated[
        Optional[int], Opt("--port", "-p", help="Port of the page. Default: 8501, or the next free")
    ] = None,
    browser: Annotated[bool, Opt("--browser/--no-browser", help="Whether to open a browser")] = True,
    component: Annotated[str, Opt("--component", help="Name of the binder_ner, if there are several")] = "",
) -> None:
    """Open a page to try MODEL on your own text and your own types.

    The page shows nested spans with their scores. Types are added, dropped and described in words. Only this computer
    can open it. Nothing is sent elsewhere, and no file is written. Ctrl+C ends it. Needs the extra `app`.
    """
    with clean_errors("Can't open the page"):
        from ..installed import is_installed

        if not is_installed("streamlit"):
            raise ImportError('The page needs Streamlit. Install it by `pip install "spacy-binder[app]"`.')
        from ..app.page import load_pipeline
        from ..app.server import serve

        # Here, so that a pipeline that can't be loaded is said in the terminal. The page takes this one.
        msg.info(f"Loading {model}")
        load_pipeline(model, component)
        serve(model, component, port=port, browser=browser)
