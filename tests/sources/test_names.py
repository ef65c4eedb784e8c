import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_emotion.sources import names
from batch_emotion.sources.names import Names


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]))), st.integers(1, 9))
def test_any_names_are_sorted_by_their_code_points(listed: list[str], run: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(names, "_SORTED", run)
        patch.setattr(names, "_AT_A_TIME", 2)
        found = Names()
        for name in listed:
            found.append(name)
        assert list(found.in_order()) == sorted(listed)
