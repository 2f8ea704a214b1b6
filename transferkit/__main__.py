"""`python -m transferkit` is the command line."""

from transferkit.cli import main

main()
