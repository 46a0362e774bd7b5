"""What tools find wrong with a page: axe, and whether anything covers something else or scrolls sideways."""

from collections.abc import Callable
from typing import Literal

from playwright.sync_api import Page

from tests.support.server import ROOT
from tests.support.waiting import eventually

States = dict[str, tuple[str, Callable[[Page], None] | None]]  # how each comes about: a path, and what is done there

AXE = (ROOT / "tests" / "vendor" / "axe-4.14.1.min.js").read_text()
# What axe looks for, by width and theme. Colours do not depend on the width, but for what one of the two layouts of a
# table shows alone; and they are most of what axe costs.
CONTRAST = "color-contrast"
EVERYTHING: dict[str, object] = {"rules": {"target-size": {"enabled": True}}}
BUT_CONTRAST: dict[str, object] = {"rules": {"target-size": {"enabled": True}, CONTRAST: {"enabled": False}}}
CONTRAST_ALONE: dict[str, object] = {"runOnly": [CONTRAST]}
Theme = Literal["light", "dark"]
LOOKS: dict[int, dict[Theme, dict[str, object]]] = {
    1440: {"light": EVERYTHING, "dark": CONTRAST_ALONE},
    960: {"light": BUT_CONTRAST},
    768: {"light": BUT_CONTRAST},
    390: {"light": EVERYTHING, "dark": CONTRAST_ALONE},
    320: {"light": BUT_CONTRAST},
}

# Each width at which the style changes, on both sides, and those that people have.
WIDTHS = [320, 390, 600, 601, 760, 768, 870, 960, 961, 1100, 1101, 1280, 1400, 1401, 1440]

A4 = {"width": 718, "height": 1047}  # less its margins

# Lines of text, and controls, whose boxes cross: what is cut off does not count, for it is not painted. Of a page with
# an open dialog only the dialog is looked at. What sticks to the window covers what is below, and is meant to.
CROSSING = """() => {
    const clipped = (element, boxes) => [...boxes].map(({left, top, right, bottom}) => {
        for (let at = element; at && at !== document.body; at = at.parentElement) {
            const {clipPath, overflowX} = getComputedStyle(at);
            if (clipPath !== "none") return {element, left: 0, top: 0, right: 0, bottom: 0};
            if (overflowX === "visible") continue;
            const box = at.getBoundingClientRect();
            [left, top] = [Math.max(left, box.left), Math.max(top, box.top)];
            [right, bottom] = [Math.min(right, box.right), Math.min(bottom, box.bottom)];
        }
        return {element, left, top, right, bottom};
    });
    const open = document.querySelector("dialog[open]");
    const roots = open ? [open] : document.querySelectorAll("body > header, main");
    const boxes = [];
    const add = (element, rects) => {
        const isOver = element.closest(".arrived, .toast, .skip");
        if (!isOver && element.checkVisibility()) boxes.push(...clipped(element, rects));
    };
    for (const root of roots) {
        const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
        for (const range = document.createRange(); walker.nextNode();) {
            if (!walker.currentNode.data.trim()) continue;
            range.selectNodeContents(walker.currentNode);
            add(walker.currentNode.parentElement, range.getClientRects());
        }
        const controls = "button, .button, input, select, textarea, progress, .badge, .note, .spark, figure svg, kbd";
        for (const each of root.querySelectorAll(controls)) add(each, each.getClientRects());
    }
    const seen = boxes.filter(({left, top, right, bottom}) => right - left > 2 && bottom - top > 2)
        .sort((a, b) => a.top - b.top);
    const name = ({outerHTML}) => outerHTML.slice(0, 80);
    const crossing = [];
    for (const [place, a] of seen.entries())
        for (let next = place + 1; next < seen.length && seen[next].top < a.bottom - 3; next++) {
            const b = seen[next];
            if (Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 && Math.min(a.bottom, b.bottom) - b.top > 3
                && !a.element.contains(b.element) && !b.element.contains(a.element))
                crossing.push(`${name(a.element)} crosses ${name(b.element)}`);
        }
    return crossing;
}"""


def misfits(page: Page) -> list[str]:
    """What is wrong with how it fits, as wide as it is now."""
    found: list[str] = page.evaluate(CROSSING)
    sideways: list[int] = page.evaluate(
        """() => [document.documentElement, ...document.querySelectorAll("dialog[open]")]
            .map((each) => each.scrollWidth - each.clientWidth).filter((more) => more > 0)"""
    )
    return found + [f"it scrolls sideways by {more}" for more in sideways]


def misfits_at_any_width(page: Page) -> dict[int, list[str]]:
    found = {}
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        found[width] = misfits(page)
    return {width: wrong for width, wrong in found.items() if wrong}


def misfits_on_paper(page: Page) -> list[str]:
    """The same on A4, where nothing can be pressed."""
    page.set_viewport_size(A4)  # type: ignore[arg-type]
    page.emulate_media(media="print")
    pressable = page.locator("button, .button, input, select, textarea").evaluate_all(
        "all => all.filter((each) => each.checkVisibility()).map((each) => each.outerHTML.slice(0, 80))"
    )
    found = misfits(page) + [f"{each} is printed" for each in pressable]
    page.emulate_media(media="screen")
    return found


def violations(page: Page, width: int) -> list[str]:
    """What axe finds at this width, in each theme."""
    found = []
    for theme, options in LOOKS.get(width, {}).items():
        page.emulate_media(color_scheme=theme)
        # What rises into view, or changes its colour, is judged when it has arrived.
        eventually(lambda: page.evaluate("document.getAnimations().length") == 0, "nothing moves")
        result = page.evaluate("options => axe.run(document, options)", {"resultTypes": ["violations"], **options})
        found += [f"{theme}, {each['id']}: {node['html']}" for each in result["violations"] for node in each["nodes"]]
    return found


def faults(page: Page, states: States, ids: dict[str, str]) -> dict[str, list[str]]:
    """What is wrong with each state, at each width and on paper; each is brought about once."""
    found = {}
    for state, (path, prepare) in states.items():
        page.set_viewport_size({"width": 1440, "height": 900})
        page.goto(path.format(**ids))
        if prepare:
            prepare(page)
        page.evaluate(AXE)
        for width in sorted(WIDTHS, reverse=True):
            page.set_viewport_size({"width": width, "height": 1600})  # so high that what sticks is at its own place
            found[f"{state} at {width}"] = misfits(page) + violations(page, width)
        found[f"{state} on paper"] = misfits_on_paper(page)
    return {state: wrong for state, wrong in found.items() if wrong}
