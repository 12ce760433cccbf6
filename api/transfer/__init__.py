"""Files in and out: exports of the log as CloudEvents, and imports of commands and of exports.

It knows no example context: readers of other formats are given to it. `api.cli` imports it.
"""
