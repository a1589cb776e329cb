"""Documents for people: Markdown and HTML, judged as a browser would take them."""
