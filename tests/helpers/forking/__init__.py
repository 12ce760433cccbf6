"""Programs of nerve as forks of a process that has imported it.

To import nerve takes a second of processor time, and the suite starts its programs hundreds of times. So each
process of pytest has a fork server, from the first of these programs on: a process without threads that has
imported what they import. For each program it forks a child, which runs the module as ``python -m`` does.
`popen` defines which programs these are. All others, such as most commands and what `nerve dev` starts, are
started as users start them.
"""
