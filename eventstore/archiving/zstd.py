"""Zstandard compression: from the standard library since Python 3.14, before that from its backport."""

import sys

if sys.version_info >= (3, 14):
    from compression.zstd import CompressionParameter, ZstdError, ZstdFile, compress, decompress
else:
    from backports.zstd import CompressionParameter, ZstdError, ZstdFile, compress, decompress

MAGIC = b"\x28\xb5\x2f\xfd"
"""The first bytes of compressed content."""

__all__ = ["MAGIC", "CompressionParameter", "ZstdError", "ZstdFile", "compress", "decompress"]
