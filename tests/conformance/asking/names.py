"""Members by another name."""


def named(given, *, take=False, **names):
    """Members under their other names; taken out of what is given, where they are to be."""
    return {
        ours: given.pop(theirs) if take else given[theirs]
        for theirs, ours in names.items()
        if given.get(theirs) is not None
    }
