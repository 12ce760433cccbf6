"""Subjects: the people of whom personal data is kept, and the record of who was erased."""

from domain.builtin.subjects.aggregate import Subject
from domain.kernel import Context

context = Context("subjects", Subject)
