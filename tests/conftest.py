"""For all tests. None is timed: a machine may be busy, and says nothing about the code with that."""

from hypothesis import settings

settings.register_profile("house", parent=settings.default, deadline=None)
settings.load_profile("house")
