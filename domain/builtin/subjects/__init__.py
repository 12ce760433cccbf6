"""Subjects of personal data, and the record of their erasure."""

from domain.builtin.subjects.aggregate import Subject
from domain.kernel import Context

context = Context("subjects", Subject)
