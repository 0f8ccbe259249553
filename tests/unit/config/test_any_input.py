from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from driftline.config.environment import setting_paths
from driftline.config.load import load_settings
from driftline.config.settings import Settings
from driftline.config.yaml_file import YamlFile
from driftline.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

# The first example builds tables, which takes long on a machine that is busy.
UNHURRIED = hypothesis_settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
NAMES = sorted({name for path in setting_paths() for name in path} | {"a", "value", "models"})
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(alphabet="a1:.-_ é\n", max_size=8)
    | st.sampled_from(["1h", "a:1"])
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES) | SCALARS, inner, max_size=4),
    max_leaves=20,
)


def outcome(overrides: Mapping[str, object], environ: Mapping[str, str]) -> Settings | tuple[str, ...]:
    try:
        return load_settings(None, environ, overrides)
    except ConfigurationError as error:
        return error.problems


def is_told(result: Settings | tuple[str, ...]) -> bool:
    if isinstance(result, Settings):
        return True
    return bool(result) and all(problem.startswith("Expected ") for problem in result)


@UNHURRIED
@given(st.dictionaries(st.sampled_from(list(Settings.__struct_fields__)), VALUES, max_size=4))
def test_whatever_stands_in_a_section_is_settings_or_problems(sections: dict[str, object]) -> None:
    assert is_told(outcome(sections, {}))


@UNHURRIED
@given(st.lists(st.tuples(st.sampled_from(list(setting_paths())), SCALARS), max_size=4))
def test_whatever_stands_in_the_environment_is_settings_or_problems(
    given_settings: list[tuple[tuple[str, ...], object]],
) -> None:
    environ = {f"DRIFTLINE_{'__'.join(path).upper()}": yaml.safe_dump(value) for path, value in given_settings}
    assert is_told(outcome({}, environ))


@UNHURRIED
@given(st.text(alphabet="ab:{}[],&*?-\n '\"<#|>!%@", max_size=40))
def test_whatever_stands_in_a_file_is_values_or_problems(text: str) -> None:
    document = YamlFile(text)
    assert isinstance(document.values, dict)
    assert all(problem.startswith("Expected ") for problem in document.problems)
