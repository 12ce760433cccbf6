"""Documents of foreign MongoDB collections, as `nerve cdc` records them: one stream for each document."""

from domain.foreign_documents.aggregate import ForeignDocument
from domain.kernel import Context

context = Context("foreign_documents", ForeignDocument)
