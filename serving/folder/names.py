"""Names of files for people to read: they may hold anything."""


def plain(name: str) -> str:
    """A name with escapes for what would end a line, turn the writing round, do something to a terminal, or is no text."""
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in name)
