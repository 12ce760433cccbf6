"""Files in and out: exports of the log as CloudEvents, and imports of commands and of exports.

It imports no example context; `api.cli` imports it and passes it readers of further formats.
"""
