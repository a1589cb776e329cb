"""The HTTP side: what machines ask, answered by the same functions as the command line."""
