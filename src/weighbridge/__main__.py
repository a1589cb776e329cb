"""`python -m weighbridge` is the command `weighbridge`."""

from weighbridge.cli.main import main

main()
