"""The command line: words (``*_cli``, which import nothing heavy), what they do (``*_commands``), and what is shown."""
