"""By what the origin of a change is told, as people write it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from driftline.config.field_places import OriginAt
from driftline.config.fingerprint import model_settings_hash
from driftline.config.load import load_settings
from driftline.config.settings import Settings
from driftline.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path


def loaded(tmp_path: Path, origins: str) -> Settings:
    path = tmp_path / "driftline.yaml"
    path.write_text(f"predictions: {{origins: {origins}}}\n")
    return load_settings(path, {})


def test_partitions_schemas_headers_and_fields(tmp_path: Path) -> None:
    settings = loaded(tmp_path, "[partition, schema, {header: producer}, {field: /app/version}]")
    assert settings.predictions.origins == (
        "partition",
        "schema",
        OriginAt(header="producer"),
        OriginAt(field="/app/version"),
    )
    assert Settings().predictions.origins == ("partition",)


@pytest.mark.parametrize(
    ("origins", "says"),
    [
        (
            "[topic]",
            r"Expected one of `partition`, `schema` or a .*, got 'topic' - at `\$.predictions.origins\[0\]`",
        ),
        ("[{header: a, field: /b}]", "Expected either `header` or `field`"),
        ("[{}]", "Expected either `header` or `field`"),
        ("[{field: b}]", r"got 'b' - at `\$.predictions.origins\[0\].field`"),
        ("[{field: 'row:/b'}]", r"got 'row:/b' - at `\$.predictions.origins\[0\].field`"),
        ("[partition, partition]", r"Expected each origin once, .* - at `\$.predictions.origins`"),
        (f"[{', '.join(f'{{header: h{n}}}' for n in range(7))}]", "Expected at most 6 origins, got 7"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, origins: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        loaded(tmp_path, origins)


def test_other_origins_are_other_settings(tmp_path: Path) -> None:
    usual = model_settings_hash(Settings(), "m")
    assert model_settings_hash(loaded(tmp_path, "[partition]"), "m") == usual
    assert model_settings_hash(loaded(tmp_path, "[{header: producer}]"), "m") != usual
