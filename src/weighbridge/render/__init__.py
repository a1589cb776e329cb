"""One result, many readers: terminal, JSON, SARIF, Markdown, HTML, JUnit. Everything from a model is hostile here."""
