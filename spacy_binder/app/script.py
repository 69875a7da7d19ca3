"""What Streamlit runs for each view of the page: `streamlit run script.py -- MODEL [COMPONENT]`."""

import sys

from spacy_binder.app.page import show_page

show_page(*sys.argv[1:])
