"""The order of steps, nothing else: intake is the first gate, admission the second."""
