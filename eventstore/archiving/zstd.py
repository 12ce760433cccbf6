"""Zstandard: the standard library's from Python 3.14 on, before that the same as a package."""

import sys

if sys.version_info >= (3, 14):
    from compression.zstd import CompressionParameter, ZstdError, ZstdFile, compress, decompress
else:
    from backports.zstd import CompressionParameter, ZstdError, ZstdFile, compress, decompress

MAGIC = b"\x28\xb5\x2f\xfd"
"""How packed content begins."""

__all__ = ["MAGIC", "CompressionParameter", "ZstdError", "ZstdFile", "compress", "decompress"]
