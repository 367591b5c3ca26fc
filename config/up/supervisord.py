"""supervisord as it must be where a disk can be full: a line that cannot be written is lost, and nothing else.

It would print the failure, fail in that, too, because what it prints goes to the same disk, and never again read what
that program says: which then stands still for good once its pipe is full.
"""

from supervisor import loggers, supervisord


def lose(handler: loggers.Handler) -> None:
    """In place of a traceback."""


loggers.Handler.handleError = lose

if __name__ == "__main__":
    supervisord.main()
