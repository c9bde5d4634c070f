import io

from geomdl.bench.progress import PlainProgress, Progress, RichProgress, progress


def test_plain_lines_are_few():
    stream = io.StringIO()
    with PlainProgress(stream, every=1000) as p:
        p.stage("training", 50)
        for i in range(50):
            p.advance(f"step {i}")
    assert stream.getvalue() == "training\n  50/50: step 49\n"


def test_plain_lines_come_now_and_then():
    stream = io.StringIO()
    p = PlainProgress(stream, every=0)
    p.stage("training", 2)
    p.advance()
    p.advance()
    assert stream.getvalue().splitlines() == ["training", "  1/2", "  2/2"]


def test_silence(capsys):
    with Progress() as p:
        p.stage("a", 1)
        p.advance()
    assert capsys.readouterr() == ("", "")


def test_a_bar_can_be_drawn_and_ends(capsys):
    with RichProgress() as p:
        p.advance()  # before any stage: nothing to move
        p.stage("training", 2)
        p.advance("now")
    assert "training" in capsys.readouterr().err


def test_no_bar_where_nobody_looks(capsys):
    assert isinstance(progress(), PlainProgress)
    assert type(progress(quiet=True)) is Progress
