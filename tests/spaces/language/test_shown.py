"""A space shows itself, and is used as any other."""

from spaces.language.leaves import Choice, Float, Int
from spaces.language.shown import Shown
from spaces.language.space import defaults, digest

SPACE = {
    "units": Int(16, 256, log=True),
    "<i>act</i>": Choice(["relu", "<b>"]),
    "optimizer": Choice({"adam": {}, "sgd": {"momentum": Float(0.0, 0.95, default=0.9)}}),
    "patience": 5,
}


def test_ranges_stand_under_the_options_that_they_belong_to():
    html = Shown(SPACE)._repr_html_()
    assert "<b>units</b>: 16 to 256, log scale" in html
    assert "<b>patience</b> = 5" in html
    within = html[html.index("<b>sgd</b><ul") :]
    assert within.index("momentum</b>: 0 to 0.95, default 0.9") < within.index("</ul>")
    assert "Space of 4 parameters" in html
    assert html.count("<ul") == html.count("</ul>") == 3


def test_names_and_options_are_text():
    html = Shown(SPACE)._repr_html_()
    assert "&lt;i&gt;act&lt;/i&gt;</b>: relu | &lt;b&gt;" in html
    assert "<i>" not in html


def test_it_is_the_space_that_it_shows():
    assert Shown(SPACE) == SPACE
    assert digest(Shown(SPACE)) == digest(SPACE)
    assert defaults(Shown(SPACE)) == defaults(SPACE)
