"""The live hub: who asked for the same shares one stream, one execution and one encoding."""
