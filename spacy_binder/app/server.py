"""Serve the page to this computer only."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

SCRIPT = Path(__file__).with_name("script.py")


def options(port: Optional[int], browser: bool) -> list[str]:
    """List the options of Streamlit.

    port (int, optional): The port. If None, Streamlit's own, or the next one that is free.
    browser (bool): Whether a browser is opened.
    RETURNS (list[str]): The options.
    """
    settings = {
        # Only this computer can open the page, and only by its own names.
        "server.address": "127.0.0.1",
        "server.allowedHosts": ["127.0.0.1", "localhost"],
        # Nothing is sent to Streamlit, nothing is asked, and no file is written to the home folder.
        "browser.gatherUsageStats": "false",
        "server.showEmailPrompt": "false",
        # Neither files nor the toolbar are for developers.
        "server.fileWatcherType": "none",
        "client.toolbarMode": "minimal",
        # A fault of ours goes to the terminal, not to the page.
        "client.showErrorDetails": "none",
    }
    if not browser:
        settings["server.headless"] = "true"
    if port is not None:
        settings["server.port"] = str(port)
    found = []
    for name, value in settings.items():
        for one in value if isinstance(value, list) else [value]:
            found += [f"--{name}", one]
    return found


def serve(model: str, component: str = "", *, port: Optional[int] = None, browser: bool = True) -> None:
    """Serve the page until Ctrl+C.

    model (str): The pipeline's folder, or the name of an installed one.
    component (str): The name of its component. Only needed if it has several.
    port (int, optional): The port. If None, Streamlit's own, or the next one that is free.
    browser (bool): Whether a browser is opened.
    """
    from streamlit.web.cli import main

    main(["run", str(SCRIPT), *options(port, browser), "--", model, *([component] if component else [])])
