"""Archives and compressed streams: their members are judged like files of their own."""
