"""Subjects: the people of whom personal data is kept, and the record of who was erased."""

from domain.kernel import Context
from domain.subjects.aggregate import Subject

context = Context("subjects", Subject)
