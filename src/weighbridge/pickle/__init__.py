"""The symbolic pickle machine: what a pickle would do, found out without doing it."""
