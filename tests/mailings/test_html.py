from hypothesis import given
from hypothesis import strategies as st

from mailings import html


def test_what_could_act_is_taken_out() -> None:
    hostile = (
        "<b onclick=alert(1)>a</b><script>alert(1)</script><style>p{}</style>"
        '<a href="javascript:alert(1)">b</a><form><input></form>'
        '<iframe src="https://example.com"></iframe><svg onload=alert(1)></svg>'
        '<base href="https://example.com"><meta http-equiv="refresh" content="0">'
    )
    assert html.clean(hostile) == "<b>a</b><a>b</a>"


def test_what_mail_is_made_of_stays() -> None:
    mail = (
        '<table><tbody><tr><td style="color:red" align="left">'
        '<a href="https://example.com/?for={{ email }}">{{ full_name }}</a>'
        '<img src="https://example.com/a.png" alt="A"></td></tr></tbody></table>'
    )
    assert html.clean(mail) == mail


def test_the_style_of_a_page_is_not_that_of_a_mail() -> None:
    covering = '<p style="position:fixed;color:red;background:url(https://x.com)">a</p>'
    assert html.clean(covering) == '<p style="color:red">a</p>'


def test_text_has_paragraphs_lines_items_and_links() -> None:
    page = (
        "<title>T</title><h1>Head</h1><p>One\n  two<br>three &amp; four</p>"
        '<ul><li>a</li><li>b</li></ul><a href="https://example.com">site</a>, '
        '<a href="mailto:a@example.com">a@example.com</a>'
    )
    assert html.text_of(page) == (
        "Head\n\nOne two\nthree & four\n\n- a\n- b\n\n"
        "site (https://example.com), a@example.com"
    )


@given(st.text(alphabet="<>/a=\"'!-&;#x p{}\n\0"))
def test_any_text_at_all_is_cleaned_twice_the_same(markup: str) -> None:
    once = html.clean(markup)
    assert html.clean(once) == once
    html.text_of(once)
