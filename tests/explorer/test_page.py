import base64
import hashlib
import re

from aejax.explorer import page


def test_linked_scripts_are_there_in_order():
    text = page.linked()
    assert tuple(re.findall(r'src="static/([\w.]+)"', text)) == page.SCRIPTS
    assert "<!-- " not in text and set(page.static_files()) == {*page.SCRIPTS, "style.css"}


def test_the_whole_page_asks_for_nothing_and_allows_its_scripts_alone():
    text = page.whole({"title": "a <b>", "note": "</script>"}, {"encode": []})
    assert not re.search(r"""(src|href)=["'](?!data:|#)""", text) and "<!-- " not in text
    assert "<title>a &lt;b&gt;: aejax explore</title>" in text and '"\\u003c/script>"' in text
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)[1]
    assert policy.startswith("default-src 'none'") and "connect-src" not in policy and "unsafe" not in policy
    for kind in ("script", "style"):
        for content in re.findall(rf"<{kind}>(.*?)</{kind}>", text, re.DOTALL):
            assert base64.b64encode(hashlib.sha256(content.encode()).digest()).decode() in policy


def test_every_control_has_a_name():
    """Each input, select and canvas is labelled, each id is used once, and each id that a script names is there."""
    text = page.linked()
    ids = re.findall(r'id="([\w-]+)"', text)
    assert len(ids) == len(set(ids))
    labelled = set(re.findall(r'for="([\w-]+)"', text))
    for tag in re.findall(r"<canvas[^>]+>", text):
        assert "aria-label=" in tag and "role=" in tag, tag
    for tag in re.findall(r"<(?:input|select)[^>]+>", text):
        name = re.search(r'id="([\w-]+)"', tag)
        inside = re.search(rf"<label[^>]*>[^<]*{re.escape(tag)}", text)
        assert inside or name[1] in labelled, tag
    scripts = "".join(content for name, content in page.static_files().items() if name.endswith(".js"))
    asked = set(re.findall(r'Page\.(?:element|click|reading)\("([\w-]+)"', scripts)) - {"scene", "program"}
    assert asked <= set(ids), asked - set(ids)
    assert not re.search(r'style="|https?:|innerHTML|eval\(|\son\w+="', text + scripts)
