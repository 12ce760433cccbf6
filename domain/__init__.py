"""The domain: the kernel, the command bus and one package for each context. Pure: no I/O, clock or random.

It imports nothing else of the project. Everything may import it.
"""
