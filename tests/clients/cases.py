"""The list of cases. A case is a function that takes the office and raises Failure where it sees a fault."""

CASES = []


def case(program, what):
    """Marks a function as a case; `program` is what it tests, `what` how that program is used."""
    def add(function):
        CASES.append((f"{program}: {what}", function))
        return function
    return add
