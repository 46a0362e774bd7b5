"""Conditions that a column contains a text, or begins with it, in upper or lower case."""

from sqlalchemy import ColumnElement

REGEX_SPECIAL = r"\*?[]^$.+(){}|"

GLOB_SPECIAL = "*?["


def contains(place: ColumnElement[str], text: str, dialect: str) -> ColumnElement[bool]:
    """Beyond ASCII SQLite ignores no case, and PostgreSQL has its locale's rules: there a pattern has both cases."""
    if text.isascii():
        return place.icontains(text, autoescape=True)
    if dialect == "sqlite":
        return place.op("GLOB", is_comparison=True)(f"*{_pattern(text, GLOB_SPECIAL, '[{}]')}*")
    return place.regexp_match(_pattern(text, REGEX_SPECIAL, "\\{}"))


def begins(place: ColumnElement[str], text: str, dialect: str) -> ColumnElement[bool]:
    """The same for the beginning of the column."""
    if text.isascii():
        return place.istartswith(text, autoescape=True)
    if dialect == "sqlite":
        return place.op("GLOB", is_comparison=True)(f"{_pattern(text, GLOB_SPECIAL, '[{}]')}*")
    return place.regexp_match("^" + _pattern(text, REGEX_SPECIAL, "\\{}"))


def _pattern(text: str, special: str, literal: str) -> str:
    """Each character as a set of its cases; `literal` is the format that escapes a special one."""
    return "".join(
        f"[{cases}]" if len(cases := _cases(each)) > 1 else literal.format(each) if each in special else each
        for each in text
    )


def _cases(character: str) -> str:
    upper = character.upper()
    cases = {character, upper, upper.lower(), upper.title()}
    return "".join(sorted(case for case in cases if len(case) == 1))
