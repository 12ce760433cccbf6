"""Commands of documents. With an `expectedVersion` one is refused if the document has changed since."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue

from domain.documents.conflicts import merge
from domain.documents.json_patch import read_steps
from domain.documents.json_pointer import read_pointer
from domain.documents.three_way import MergeRule, MergeRules
from domain.kernel import ChangeCommand, ConflictRule, CreateCommand, last_write_wins
from domain.kernel.access import role
from domain.kernel.fields import Identifier, Json, Name, Text


def _check_patch(patch: JsonValue) -> JsonValue:
    if isinstance(patch, list):
        read_steps(patch)
    elif not isinstance(patch, dict):
        raise ValueError(
            "must be an object (a JSON merge patch) or a list of steps (a JSON Patch); replaceDocument gives "
            "the document another content as a whole"
        )
    return patch


class CreateDocument(CreateCommand):
    """Adds a document: a title and any JSON."""

    access = role("editor")

    title: Name = Field(description="The title.")
    content: Json = Field(description="Any JSON value.")
    tags: list[Name] = Field(default=[], max_length=50, description="Words to find it by.")
    subject_id: Identifier | None = Field(
        None,
        description="The person that it is about. Erasing this person erases title and content.",
    )


class ReplaceDocument(ChangeCommand):
    """Replaces the whole content of the document."""

    access = role("editor")

    content: Json = Field(description="The new content: any JSON value.")


class PatchDocument(ChangeCommand):
    """Changes parts of the content by a JSON merge patch (RFC 7386) or a JSON Patch (RFC 6902).

    An object is a merge patch: members of objects that it names are replaced, those it has null for are
    removed. A list is a JSON Patch: its steps, which may test what is there, are all done or none.
    """

    access = role("editor")

    on_conflict: ClassVar[ConflictRule] = merge

    patch: Annotated[Json, AfterValidator(_check_patch)] = Field(
        description="An object, which is a merge patch, or a list, which is a JSON Patch: its steps may be "
        "the changes that `diff` returns."
    )


def _check_pointer(path: str) -> str:
    if read_pointer(path) is None:
        raise ValueError("must be a JSON Pointer, such as /title or /content/steps")
    return path


class MemberRule(BaseModel):
    """The rule for the members at a path and below it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Annotated[Text, AfterValidator(_check_pointer)] = Field(
        description="A JSON Pointer (RFC 6901) that begins with /title or /content."
    )
    rule: MergeRule = Field(description="What becomes of members that both sides have changed.")


class MergeDocument(ChangeCommand):
    """Merges an edited copy of a version into the present document.

    A member that only one side has changed gets the value of that side, and members of objects are merged in
    turn. Where both sides have changed a value differently, a rule decides.
    """

    access = role("editor")

    on_conflict: ClassVar[ConflictRule] = last_write_wins

    base_version: int = Field(ge=1, description="The version that was copied: one of the last 100.")
    title: Name | None = Field(None, description="The title of the copy; null if it was not edited.")
    content: Json = Field(description="The content of the copy after the edit.")
    rule: MergeRule = Field(MergeRule.REFUSE, description="The rule for all members that `rules` omits.")
    rules: list[MemberRule] = Field(
        default=[], max_length=100, description="Rules for single members; the longest path counts."
    )

    def merge_rules(self) -> MergeRules:
        """Return the rule of each member."""
        return MergeRules(self.rule, {read_pointer(each.path) or (): each.rule for each in self.rules})


class RenameDocument(ChangeCommand):
    """Renames the document."""

    access = role("editor")

    on_conflict: ClassVar[ConflictRule] = last_write_wins

    title: Name = Field(description="The new title.")


class ArchiveDocument(ChangeCommand):
    """Archives the document: it cannot be changed until it is restored."""

    access = role("editor")

    reason: Text | None = Field(None, description="Why it is archived.")


class DeleteDocument(ChangeCommand):
    """Deletes the document for good: it leaves the view, and nothing changes or restores it.

    Its versions can still be read by `versions`, `stateAt` and `diff`.
    """

    access = role("editor")

    reason: Text | None = Field(None, description="Why it is deleted.")


class RestoreDocument(ChangeCommand):
    """Restores title and content of an earlier version, also of an archived document.

    The result is a new version; the versions between stay in the history.
    """

    access = role("editor")

    version: int = Field(ge=1, description="The version to go back to.")
