"""JSON as a page shows it: indented, and no more of it than is shown."""

import re

SHOWN = 20_000  # characters of a payload or a result, indented, that a page shows

_TOKEN = re.compile(r'"(?:[^"\\]+|\\.)*"?|\{\}|\[\]|[][{},:]|[^][{},:"]+')


def pretty(text: str) -> tuple[str, bool]:
    """The beginning of compact JSON text, indented, and whether there is more.

    Only what is shown is made: of deeply nested JSON the whole is two hundred times as long as the text. A token is
    never shorter when it is indented, so no more than SHOWN characters of the text are read.
    """
    parts: list[str] = []
    size, line = 0, "\n"
    for token in _TOKEN.findall(text[: SHOWN + 1]):
        match token:
            case "{" | "[":
                line += "  "
                part = token + line
            case "}" | "]":
                line = line[:-2]
                part = line + token
            case ",":
                part = token + line
            case ":":
                part = ": "
            case _:
                part = token
        parts.append(part)
        size += len(part)
        if size > SHOWN:
            break
    return "".join(parts)[:SHOWN], size > SHOWN
