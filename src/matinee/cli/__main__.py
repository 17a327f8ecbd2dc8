"""``python -m matinee.cli``: the command line, where no script stands for it."""

from matinee.cli import main

main()
