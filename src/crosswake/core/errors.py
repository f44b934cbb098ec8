"""The one exception that a user is meant to see."""


class CrosswakeError(Exception):
    """Something the user can mend: the message names the file or option, what is wrong and what to
    do.

    The command line prints it as one line and exits with code 2.
    """
