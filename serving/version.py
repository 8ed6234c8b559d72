"""Which version of digits this is."""

from importlib import metadata

try:
    VERSION = metadata.version("digits")
except metadata.PackageNotFoundError:  # a bento holds the code without the distribution
    VERSION = "unknown"
