"""The settings of the archive of old commits."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings


class ArchiveSettings(BaseSettings):
    """The part of the settings that says where old commits are archived, and when."""

    archive_url: str | None = Field(
        None, description="Store of archived commits: file:///folder or s3://bucket/prefix."
    )
    archive_endpoint: str | None = Field(
        None, description="URL of an S3-compatible store; default: that of Amazon."
    )
    archive_region: str | None = Field(None, description="Region of the bucket; default: AWS_REGION.")
    archive_access_key: SecretStr | None = Field(
        None, description="Access key of the store; default: AWS_ACCESS_KEY_ID, or a role."
    )
    archive_secret_key: SecretStr | None = Field(
        None, description="Secret key of the store; default: AWS_SECRET_ACCESS_KEY, or a role."
    )
    archive_after: timedelta | None = Field(
        None, gt=timedelta(0), description="Age at which a worker archives commits, such as P90D."
    )
