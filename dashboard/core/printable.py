"""Text from outside, as a terminal and a line of a log may show it."""

import json


def printable(text: str) -> str:
    """One line, in which what is no letter is escaped: control characters, and those that turn the direction.

    The escapes are those of JSON, so a text of JSON keeps its meaning.
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else json.dumps(each)[1:-1] for each in text)
