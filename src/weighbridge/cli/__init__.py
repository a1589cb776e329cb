"""What people touch: parse arguments, call one function, render. No decisions."""
