"""`python -m towpath`: the same as the `towpath` command."""

from towpath.cli import main

main()
