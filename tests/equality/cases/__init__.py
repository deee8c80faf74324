"""Small projects, each with one feature of DVC, and the changes made to them between runs."""

from tests.equality.cases import (
    commands,
    failures,
    folders,
    graphs,
    ignoring,
    imports,
    kinds,
    links,
    losses,
    names,
    outs,
    params,
    places,
    refusals,
    selection,
    spellings,
    templating,
    user_links,
)

ROOMS = (
    graphs,
    names,
    folders,
    outs,
    kinds,
    commands,
    failures,
    params,
    templating,
    selection,
    losses,
    places,
    ignoring,
    links,
    imports,
    refusals,
    user_links,
    spellings,
)
ALL = [case for room in ROOMS for case in room.CASES]
