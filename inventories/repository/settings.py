"""`[github]` of `site.toml`: which repository, and the secrets and variables it shall have. Pure.

Values of secrets are named by their place and never stand in the file; no message repeats what
stands where a secret belongs. A table that breaks one of GitHub's rules is refused here.
"""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from deploys.secret_settings import WAYS, Source
from inventories.repository import names

SecretName = Annotated[str, AfterValidator(names.checked)]
VariableName = Annotated[str, AfterValidator(names.checked_variable)]
VariableText = Annotated[str, AfterValidator(names.checked_text)]
EnvironmentName = Annotated[str, AfterValidator(names.checked_environment)]
RepositoryName = Annotated[str, AfterValidator(names.checked_repository)]
_API_KEYS = "api_keys."


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SecretPlace(Source):
    """A secret's place, or the secret of the hosts that it is the same as."""

    same_as: str | None = Field(
        default=None,
        pattern=r"^(registry_token|api_keys\.[a-z][a-z0-9-]{0,61}[a-z0-9])$",
        description="a secret the hosts have: registry_token or api_keys.CONSUMER",
    )

    @property
    def consumer(self) -> str | None:
        """The consumer whose API key this is."""
        if self.same_as is None or not self.same_as.startswith(_API_KEYS):
            return None
        return self.same_as.removeprefix(_API_KEYS)

    @property
    def told(self) -> str:
        return super().told if self.same_as is None else f"same as {self.same_as}"

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        count = sum(x is not None for x in (self.env, self.file, self.command, self.same_as))
        if count != 1:
            raise ValueError(f"names {count} places; name exactly one of {WAYS}, same_as")
        return self


class LevelTable(_Table):
    """Secrets and variables of one level: the repository's, or an environment's."""

    secrets: dict[SecretName, SecretPlace] = Field(
        default_factory=dict,
        max_length=names.MAX_SECRETS,
        description="place of each secret, by name",
    )
    variables: dict[VariableName, VariableText] = Field(
        default_factory=dict,
        max_length=names.MAX_ENVIRONMENT_VARIABLES - 1,  # one is the record
        description="text of each variable, by name",
    )

    @model_validator(mode="after")
    def _one_name_each(self) -> Self:
        found = names.clashes(self.secrets) + names.clashes(self.variables)
        if found:
            raise ValueError("; ".join(found))
        return self


class GithubSettings(LevelTable):
    """`[github]`: the repository that builds the image, and what its workflows are given."""

    repository: RepositoryName | None = Field(default=None, description="OWNER/NAME at GitHub")
    workflow: str = Field(
        default="images.yml",
        pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,200}\.ya?ml$",
        description="file below .github/workflows that builds the image",
    )
    variables: dict[VariableName, VariableText] = Field(
        default_factory=dict,
        max_length=names.MAX_VARIABLES - 1,
        description="text of each variable, by name",
    )
    environments: dict[EnvironmentName, LevelTable] = Field(
        default_factory=dict, description="secrets and variables of an environment, by its name"
    )

    @model_validator(mode="after")
    def _belongs_to_one(self) -> Self:
        if clash := names.clashes(self.environments):
            raise ValueError("; ".join(clash))
        if self.repository is None and (self.secrets or self.variables or self.environments):
            raise ValueError('repository is missing: write repository = "OWNER/NAME"')
        return self

    @property
    def levels(self) -> dict[str, LevelTable]:
        """All levels by name; the repository's own is the empty name."""
        return {"": self, **self.environments}
