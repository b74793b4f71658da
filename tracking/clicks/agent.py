"""What a user agent says of itself: device, system, browser, and whether it looks like a bot.

Browsers tell less than they did: Chrome says Android 10 and macOS 10.15 whatever is true, and
Safari on an iPad is a Mac. Nothing better can be had from a first visit.
"""

from dataclasses import dataclass
from typing import Final

import crawleruseragents
from is_bot import Bots
from ua_parser import OS, Domain, load_lazy_builtins
from ua_parser.regex import Resolver
from ua_parser_rs import UserAgentExtractor


@dataclass(frozen=True, slots=True)
class Agent:
    """A user agent taken apart; "" stands for what it does not say.

    `device` is one of `partners.facts.DEVICES`. `bot` is "known" for one that crawler-user-agents
    lists, "suspected" for one that looks like a program, which one person in a hundred does too.
    """

    device: str
    os: str
    os_version: str
    browser: str
    bot: str


NO_AGENT: Final = Agent("", "", "", "", "suspected")

_OS_NAMES: Final = {
    "Mac OS X": "macOS",
    "ATV OS X": "tvOS",
    "Web0S": "webOS",
    **dict.fromkeys(
        ("Ubuntu", "Debian", "Fedora", "Red Hat", "SUSE", "Mint", "Arch Linux"), "Linux"
    ),
}
_DESKTOPS: Final = frozenset(("Windows", "macOS", "Linux", "Chrome OS", "FreeBSD", "OpenBSD"))
# Words of an agent in lower case; the first list in which one is found decides.
_OTHERS: Final = ("playstation", "xbox", "nintendo", "watchos", "apple watch")
_TVS: Final = (
    "smart-tv", "smarttv", "hbbtv", "googletv", "appletv", "web0s", "webos.tv", "netcast",
    "bravia", "roku", "crkey", "; aft", "large screen", "viera/", "aquos-tv", "vidaa", "vizio",
    "nettv", " tv", "_tv", "tv/", "tvbox",
)  # fmt: skip
_TABLETS: Final = ("ipad", "tablet", "playbook", "kindle", "; kf")
_PHONES: Final = (
    "iphone", "ipod", "mobile", "windows phone", "blackberry", "bb10", "opera mini", "midp",
    "symbian", "kaios", "nokia", "dalvik",
)  # fmt: skip
# What a browser's name on a phone has more than its name.
_MOBILE_ENDS: Final = (" UI/WKWebView", " WebView", " iOS", " Mobile")


def agent(user_agent: str) -> Agent:
    """Take a user agent apart; who sends none is a suspected bot and nothing else."""
    if not user_agent:
        return NO_AGENT
    said = _parser(user_agent, _PARTS)
    os, browser = said.os, said.user_agent
    os_name = _OS_NAMES.get(os.family, os.family) if os else ""
    return Agent(
        device=_device(user_agent.lower(), os_name),
        os=os_name,
        os_version=_version(os) if os else "",
        browser=_browser_name(browser.family) if browser else "",
        bot=_bot(user_agent),
    )


def _version(os: OS) -> str:
    parts = (os.major, os.minor, os.patch)
    return ".".join(part for part in parts if part)


def _browser_name(family: str) -> str:
    """The name on every kind of device: Chrome Mobile is Chrome, Mobile Safari is Safari."""
    for end in _MOBILE_ENDS:
        family = family.removesuffix(end)
    return family.removeprefix("Mobile ")


def _device(text: str, os: str) -> str:
    if _has(text, _OTHERS):
        return "other"
    if _has(text, _TVS):
        return "tv"
    # Old Windows calls itself a Tablet PC on any desk.
    if os != "Windows" and _has(text, _TABLETS):
        return "tablet"
    if _has(text, _PHONES):
        return "phone"
    # Android says Mobile on phones alone.
    if os == "Android":
        return "tablet"
    return "desktop" if os in _DESKTOPS else "other"


def _has(text: str, words: tuple[str, ...]) -> bool:
    return any(word in text for word in words)


def _bot(user_agent: str) -> str:
    if _crawlers.extract(user_agent):
        return "known"
    if _suspects.extract(user_agent) or _other_suspects.is_bot(user_agent):
        return "suspected"
    return ""


def _any_of(patterns: list[str]) -> UserAgentExtractor:
    """The patterns as one set in Rust, which takes a microsecond where `re` takes a hundred."""
    return UserAgentExtractor([(pattern, "", None, None, None, None) for pattern in patterns])


def _looks_around(pattern: str) -> bool:
    """Whether a pattern asks for what stands before or behind, which Rust's engine cannot do."""
    return any(mark in pattern for mark in ("(?=", "(?!", "(?<"))


# All of it at import, a fifth of a second: no visitor shall wait for it.
_PARTS: Final = Domain.USER_AGENT | Domain.OS
_parser: Final = Resolver((*load_lazy_builtins()[:2], []))
_crawlers: Final = _any_of([each["pattern"] for each in crawleruseragents.CRAWLER_USER_AGENTS_DATA])
_suspicious: Final = sorted(Bots().patterns)
_suspects: Final = _any_of([f"(?i){each}" for each in _suspicious if not _looks_around(each)])
_other_suspects: Final = Bots([each for each in _suspicious if _looks_around(each)])
_other_suspects.is_bot("")
