"""What a name holds is text, whatever stands in it."""

from spaces.html import cell, facts, folded, table

ODD = "<script>alert('x')</script> & \"quoted\""
SHOWN = "&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt; &amp; &quot;quoted&quot;"


def test_names_are_text_wherever_they_stand():
    for shown in (cell(ODD), table([ODD], [[1]]), table(["a"], [[ODD]]), folded(ODD, "")):
        assert SHOWN in shown
        assert "<script" not in shown
    shown = facts(f"{ODD}\n  rows    {ODD}")
    assert shown.count(SHOWN) == 2


def test_what_is_missing_is_empty():
    assert [cell(None), cell(float("nan")), cell(0.0), cell(0.123456)] == ["", "", "0", "0.1235"]


def test_some_facts_are_left_out():
    assert "linear" not in facts("Ensemble\n  members linear 1\n  score   2", without=("members",))
