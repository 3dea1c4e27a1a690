import xml.etree.ElementTree as ET

from benchmarks import pictures
from benchmarks.jobs.growth.sizes import against_least, name
from benchmarks.kernel import OURS, QUICK, Session

SIZES = (1, 10, 1000)
FIGURES = {name("append", size): rate for size, rate in zip(SIZES, (100.0, 90.0, 50.0), strict=True)}


def lines():
    session = Session(QUICK, lambda words: None)
    session.begin("growth")
    rounds = session.play({OURS: lambda: FIGURES})
    return list(session.compared(rounds, *against_least(SIZES, "tenants", "append", "events/s")))


def test_each_size_is_compared_with_the_smallest():
    assert [(line.case, line.ratio.median) for line in lines()] == [
        ("append: 10 tenants against 1", 0.9),
        ("append: 1,000 tenants against 1", 0.5),
    ]


def test_a_picture_is_made_of_what_the_lines_say():
    (series,) = pictures.series(lines())["tenants"]
    assert [(point.size, point.ratio.median) for point in series.points] == [(1, 1), (10, 0.9), (1000, 0.5)]
    assert (series.first, series.last) == ("100", "50 events/s")
    drawn = ET.fromstring(pictures.picture("tenants", [series]))  # noqa: S314 - it was written a line above.
    words = [each.text for each in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert {"1,000", "1/2", "append: 100 … 50 events/s"} <= set(words)


def test_other_lines_are_not_drawn():
    line = lines()[0]
    assert pictures.series([type(line)(**{f: getattr(line, f) for f in line.__struct_fields__} | {"case": "x"})]) == {}
