"""Documents: JSON with a title, of which every version stays."""

from domain.documents.aggregate import Document
from domain.kernel import Context

context = Context("documents", Document)
