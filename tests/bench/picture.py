#!/usr/bin/env python3
"""Draw what ``bench.py`` measured of whole processes: seconds of batch-emotion beside those of its yardsticks.

python tests/bench/picture.py bench.json jobs/pictures/speed.png
"""

import json
import statistics
import sys
from pathlib import Path

from batch_emotion.visualization.charts import styled
from batch_emotion.visualization.palette import LIGHT

LABELS = {
    "one image, whole process, against importing tensorflow": ("one image", "import tensorflow"),
    "twenty images to Parquet against importing tensorflow": ("20 images", "import tensorflow"),
    "a night with 40 new of 10,000 against importing tensorflow": ("40 new of 10,000", "import tensorflow"),
    "faces: whole process against the idiom's": ("20,000 faces", "a Keras script"),
    "faces: whole process against the idiom's, int8": ("20,000 faces, int8", "a Keras script"),
}


def main() -> None:
    measured, out = Path(sys.argv[1]), Path(sys.argv[2])
    figures = {each["name"]: each["details"] for each in json.loads(measured.read_text())["figures"]}
    rows = []
    for name, (label, yardstick) in LABELS.items():
        if name in figures:
            seconds = [statistics.median(list(each.values())[at] for each in figures[name]) for at in (0, 1)]
            rows += [(label, seconds[0], LIGHT.ink), (yardstick, seconds[1], LIGHT.faint)]
    if not rows:
        sys.exit(f"{measured} has none of: {'; '.join(LABELS)}")
    with styled(LIGHT, 6.4, 0.3 * len(rows) + 0.5) as (figure, picture):
        axes = figure.subplots()
        places = [-(at + at // 2 * 0.4) for at in range(len(rows))]
        bars = axes.barh(places, [seconds for _, seconds, _ in rows], color=[colour for *_, colour in rows])
        axes.bar_label(bars, [f"{seconds:.1f} s" for _, seconds, _ in rows], padding=3)
        axes.set_yticks(places, [label for label, *_ in rows])
        axes.set(xlim=(0, 1.1 * max(seconds for _, seconds, _ in rows)), xticks=[])
        axes.tick_params(length=0)
        axes.spines[["top", "right", "bottom"]].set_visible(False)
    out.write_bytes(picture.getvalue())


if __name__ == "__main__":
    main()
