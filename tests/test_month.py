"""The short form of the simulated month; ``make soak`` runs the whole."""

from pathlib import Path

from tests.support.month import Month, live_through, small_disk


def test_a_short_month_ends_like_a_fresh_run(tmp_path: Path, faces: Path) -> None:
    with small_disk(tmp_path / "disk") as is_small:
        month = Month(tmp_path, tmp_path / "disk", sorted(faces.rglob("*.png")), "r.parquet", images=30)
        live_through(month, 6, is_small)
        month.equals_a_fresh_run(tmp_path / "fresh.parquet")
