"""Saved views: a name for a filter of the jobs page, of one person or shared by all."""

from typing import NamedTuple

NAME_MAX = 40  # characters
VIEWS_MAX = 50  # of one owner

SHARED = ""  # the owner of the shared views; the name of a user is never empty


class View(NamedTuple):
    """`query` is the query string of the jobs page that the filter makes, never a text from outside."""

    owner: str
    name: str
    query: str
