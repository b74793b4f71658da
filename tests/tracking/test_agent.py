"""What user agents say of themselves, on agents as they are met."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partners.facts import BOTS, DEVICES
from tracking.clicks.agent import agent

KIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
APPLE = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
IPHONE = f"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5_1 like Mac OS X) {APPLE}"
WINDOWS = f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {KIT}"
CHROME = "Chrome/131.0.0.0"

# Agent; device, system, version, browser.
PEOPLE = [
    (f"{WINDOWS} {CHROME} Safari/537.36", "desktop", "Windows", "10", "Chrome"),
    (f"{WINDOWS} {CHROME} Safari/537.36 Edg/131.0.0.0", "desktop", "Windows", "10", "Edge"),
    (f"{WINDOWS} {CHROME} Safari/537.36 OPR/115.0.0.0", "desktop", "Windows", "10", "Opera"),
    (f"{WINDOWS} Chrome/130.0.0.0 YaBrowser/24.10.0.0 Safari/537.36",
     "desktop", "Windows", "10", "Yandex Browser"),
    ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:132.0) Gecko/20100101 Firefox/132.0",
     "desktop", "Windows", "10", "Firefox"),
    ("Mozilla/5.0 (Windows NT 6.1; Trident/7.0; rv:11.0) like Gecko",
     "desktop", "Windows", "7", "IE"),
    ("Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1; Trident/4.0; Tablet PC 2.0)",
     "desktop", "Windows", "7", "IE"),
    (f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {APPLE} Version/18.1 Safari/605.1.15",
     "desktop", "macOS", "10.15.7", "Safari"),
    (f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {KIT} {CHROME} Safari/537.36",
     "desktop", "macOS", "10.15.7", "Chrome"),
    ("Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0",
     "desktop", "Linux", "", "Firefox"),
    (f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {KIT} {CHROME} Safari/537.36",
     "desktop", "Chrome OS", "14541.0.0", "Chrome"),
    (f"{IPHONE} Version/17.5 Mobile/15E148 Safari/604.1", "phone", "iOS", "17.5.1", "Safari"),
    (f"{IPHONE} CriOS/131.0.6778.73 Mobile/15E148 Safari/604.1",
     "phone", "iOS", "17.5.1", "Chrome"),
    (f"{IPHONE} FxiOS/132.0 Mobile/15E148 Safari/605.1.15", "phone", "iOS", "17.5.1", "Firefox"),
    (f"{IPHONE} EdgiOS/130.0 Version/17.0 Mobile/15E148 Safari/604.1",
     "phone", "iOS", "17.5.1", "Edge"),
    (f"{IPHONE} Mobile/15E148 [FBAN/FBIOS;FBAV/490.0.0.42.106;FBDV/iPhone15,2;FBID/phone]",
     "phone", "iOS", "17.5.1", "Facebook"),
    (f"{IPHONE} Mobile/15E148 Instagram 356.0.0.36.103 (iPhone14,5; iOS 17_5_1; de_DE; de)",
     "phone", "iOS", "17.5.1", "Instagram"),
    (f"{IPHONE} Mobile/15E148", "phone", "iOS", "17.5.1", "Safari"),
    (f"Mozilla/5.0 (Linux; Android 10; K) {KIT} {CHROME} Mobile Safari/537.36",
     "phone", "Android", "10", "Chrome"),
    (f"Mozilla/5.0 (Linux; Android 14; SM-S921B; wv) {KIT} Version/4.0 {CHROME} Mobile"
     " Safari/537.36",
     "phone", "Android", "14", "Chrome"),
    (f"Mozilla/5.0 (Linux; Android 13; SAMSUNG SM-A536B) {KIT} SamsungBrowser/26.0 Chrome/122.0.0.0"
     " Mobile Safari/537.36", "phone", "Android", "13", "Samsung Internet"),
    ("Mozilla/5.0 (Android 14; Mobile; rv:132.0) Gecko/132.0 Firefox/132.0",
     "phone", "Android", "14", "Firefox"),
    ("Opera/9.80 (Android; Opera Mini/36.2.2254/119.132; U; id) Presto/2.12.423 Version/12.16",
     "phone", "Android", "", "Opera Mini"),
    ("Mozilla/5.0 (Windows Phone 10.0; Android 6.0.1; Microsoft; Lumia 950) AppleWebKit/537.36"
     " (KHTML, like Gecko) Chrome/52.0.2743.116 Mobile Safari/537.36 Edge/15.15063",
     "phone", "Windows Phone", "10.0", "Edge"),
    ("Mozilla/5.0 (Mobile; LYF/F90M/LYF-F90M-000-02-28-130318; rv:48.0) Gecko/48.0 Firefox/48.0"
     " KAIOS/2.0", "phone", "KaiOS", "2.0", "Firefox"),
    ("Mozilla/5.0 (BB10; Touch) AppleWebKit/537.10+ (KHTML, like Gecko) Version/10.0.9.2372 Mobile"
     " Safari/537.10+", "phone", "BlackBerry OS", "10.0.9", "BlackBerry WebKit"),
    (f"Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) {APPLE} Version/17.5 Mobile/15E148"
     " Safari/604.1", "tablet", "iOS", "17.5", "Safari"),
    (f"Mozilla/5.0 (Linux; Android 12; SM-X906C) {KIT} {CHROME} Safari/537.36",
     "tablet", "Android", "12", "Chrome"),
    (f"Mozilla/5.0 (Linux; Android 9; KFMAWI) {KIT} Silk/108.4 like Chrome/108.0 Safari/537.36",
     "tablet", "Android", "9", "Amazon Silk"),
    ("Mozilla/5.0 (Android 13; Tablet; rv:132.0) Gecko/132.0 Firefox/132.0",
     "tablet", "Android", "13", "Firefox"),
    (f"Mozilla/5.0 (SMART-TV; Linux; Tizen 6.0) {KIT} 76.0.3809.146/6.0 TV Safari/537.36",
     "tv", "Tizen", "6.0", "Safari"),
    (f"Mozilla/5.0 (Web0S; Linux/SmartTV) {KIT} Chrome/94.0.4606.128 Safari/537.36",
     "tv", "webOS", "", "Chrome"),
    (f"Mozilla/5.0 (Linux; Android 9; AFTMM Build/PS7285.2877N) {KIT} Silk/108.4.6 like"
     " Chrome/108.0.5359.220 Safari/537.36", "tv", "Android", "9", "Amazon Silk"),
    (f"Mozilla/5.0 (Linux; Android 12; BRAVIA 4K VH2) {KIT} {CHROME} Safari/537.36",
     "tv", "Android", "12", "Chrome"),
    (f"Mozilla/5.0 (X11; Linux armv7l) {KIT} Chrome/90.0.4430.225 Safari/537.36 CrKey/1.56.500000",
     "tv", "Chromecast Linux", "1.56.500000", "Chrome"),
    (f"Mozilla/5.0 (PlayStation; PlayStation 5/8.00) {APPLE} Version/15.4 Safari/605.1.15",
     "other", "", "", "Safari"),
    (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64; Xbox; Xbox Series X) {KIT} {CHROME} Safari/537.36",
     "other", "Windows", "10", "Chrome"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "device", "os", "version", "browser"), PEOPLE)
def test_the_agents_of_people_are_told_apart(text, device, os, version, browser):
    found = agent(text)
    assert (found.device, found.os, found.os_version, found.browser) == (
        device, os, version, browser,
    )  # fmt: skip
    assert found.bot == ""


@pytest.mark.parametrize(
    ("text", "bot"),
    [
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "known"),
        ("facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)", "known"),
        (f"Mozilla/5.0 {KIT}; compatible; GPTBot/1.2; +https://openai.com/gptbot", "known"),
        ("curl/8.5.0", "known"),
        ("python-requests/2.32.3", "known"),
        ("Go-http-client/1.1", "known"),
        (f"Mozilla/5.0 (X11; Linux x86_64) {KIT} HeadlessChrome/131.0.0.0 Safari/537.36", "known"),
        (f"{WINDOWS} {CHROME} Safari/537.36 SomeNewBot/1.0", "suspected"),
        ("my-own-tool/0.1", "suspected"),
        # A false alarm: LG's televisions say so.
        (
            f"Mozilla/5.0 (Web0S; Linux/SmartTV) {KIT} {CHROME} Safari/537.36 WebAppManager",
            "suspected",
        ),
        ("Mozilla/5.0", "suspected"),
        (" ", "suspected"),
        ("", "suspected"),
        (f"Mozilla/5.0 (Linux; Android 12; CUBOT P50) {KIT} {CHROME} Mobile Safari/537.36", ""),
        (f"{IPHONE} GSA/340.0 Mobile/15E148 Safari/604.1", ""),
    ],
)
def test_bots_are_known_by_name_or_suspected_by_their_looks(text, bot):
    assert agent(text).bot == bot


def test_without_an_agent_nothing_else_is_known():
    found = agent("")
    assert (found.device, found.os, found.os_version, found.browser) == ("", "", "", "")


@given(st.text(max_size=1000))
def test_no_text_breaks_it(text):
    found = agent(text)
    assert found.device in ("", *DEVICES)
    assert found.bot in ("", *BOTS)


@pytest.mark.parametrize(
    "unit",
    ["a", "1.", "(", " ", "; ", "Mozilla/5.0 (Linux; Android 10; ", "compatible; ", "iPhone",
     "\u0130", "x/1.0 ", "news google bot", "http scan java ", "@a-a", "a.a", "-"],
)  # fmt: skip
def test_a_hostile_agent_takes_no_time(unit):
    text = (unit * 1000)[:1000]
    took_s = []
    for place in range(3):
        begin_s = time.process_time()
        agent(text[place:])
        took_s.append(time.process_time() - begin_s)
    assert min(took_s) < 0.005
