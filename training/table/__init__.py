"""models/README.md: what the cards and all that was measured beside them say, as one page, none of it typed by hand."""

from training.table.markdown import NOT_MEASURED
from training.table.page import page, write

__all__ = ["NOT_MEASURED", "page", "write"]
