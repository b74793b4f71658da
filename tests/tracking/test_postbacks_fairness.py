"""A server that takes calls and never answers costs its owner time, and nobody else."""

import socket
import threading

import pytest
from django.db import connection

from network.locks import turn
from tests import factories
from tests.tracking.rows import make_conversion
from tracking.postbacks import addresses, deliveries, send
from tracking.postbacks.models import Delivery


@pytest.fixture
def hanging():
    """The URL of a server that accepts and is silent."""
    with socket.create_server(("127.0.0.1", 0), backlog=200) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"


@pytest.fixture
def impatient(monkeypatch):
    """Deliveries are given up after two seconds, which count as slow."""
    monkeypatch.setattr(send, "SLOW_MS", 2_000)
    monkeypatch.setattr(send, "TIMEOUT_S", 2.0)


def add(link, url, **given):
    return addresses.add(affiliate=link.affiliate, url=url, statuses=["pending"], **given)[0]


def owe(link, messages):
    """Let this many messages be due."""
    for _ in range(messages):
        make_conversion(link)
    while deliveries.consume():
        pass


@pytest.mark.usefixtures("db", "impatient")
def test_a_hanging_address_delays_another_by_one_batch_at_most(hanging, receiver):
    slow = factories.make_link()
    factories.fund(slow.offer.advertiser)
    add(slow, hanging)
    owe(slow, 100)
    other = factories.make_link(slow.offer)
    add(other, receiver.url)
    owe(other, 1)
    assert send.send_due() == send.SHARE + 1
    assert len(receiver.bodies) == 1
    assert send.send_due() == 0


@pytest.mark.usefixtures("db", "impatient")
def test_a_slow_address_rests_and_comes_again(hanging, clock):
    link = factories.make_link()
    factories.fund(link.offer.advertiser)
    add(link, hanging)
    owe(link, 6)
    send.send_due()
    assert Delivery.objects.filter(last_error="timeout").count() == send.SHARE
    clock.forward(seconds=59)
    assert send.send_due() == 0
    clock.forward(seconds=2)
    assert send.send_due() == send.SHARE


@pytest.mark.django_db
def test_many_addresses_of_one_affiliate_share_its_part_of_a_batch(receiver):
    advertiser = factories.make_advertiser()
    factories.fund(advertiser)
    link = factories.make_link(factories.make_offer(advertiser))
    for offer in (link.offer, factories.make_offer(advertiser)):
        own = factories.make_link(offer, affiliate=link.affiliate)
        add(own, receiver.url, offer=offer)
        owe(own, send.SHARE)
    assert [send.send_due() for _ in range(3)] == [send.SHARE, send.SHARE, 0]


def in_thread(work):
    """Do it in a thread, whose connection goes back to the pool."""

    def call():
        try:
            work()
        finally:
            connection.close()

    thread = threading.Thread(target=call)
    thread.start()
    return thread


@pytest.mark.usefixtures("fresh_db")
def test_one_process_sends_at_a_time(receiver):
    link = factories.make_link()
    factories.fund(link.offer.advertiser)
    add(link, receiver.url)
    owe(link, 1)
    sent = []
    with turn("send_due") as ours:
        assert ours
        in_thread(lambda: sent.append(send.send_due())).join()
    in_thread(lambda: sent.append(send.send_due())).join()
    assert sent == [0, 1]


@pytest.fixture
def under_way(receiver):
    """Starts tests of addresses in threads; the receiver keeps them until the end of this one."""
    entered, held, threads = threading.Semaphore(0), threading.Event(), []

    def stay():
        entered.release()
        held.wait(10)

    def start(postback):
        threads.append(in_thread(lambda: send.send_test(postback)))
        assert entered.acquire(timeout=10)

    receiver.before = stay
    yield start
    held.set()
    for thread in threads:
        thread.join()


@pytest.mark.usefixtures("fresh_db")
def test_an_affiliate_tests_one_address_at_a_time(alice, receiver, under_way):
    link = factories.make_link(affiliate=alice.affiliate)
    second = add(link, receiver.url, offer=link.offer)
    under_way(add(link, receiver.url))
    answer = alice.api.post(f"/api/v1/postbacks/{second.pk}/test")
    assert (answer.status_code, answer.json()["code"]) == (409, "test_under_way")
    assert answer["Retry-After"] == "3"


@pytest.mark.usefixtures("fresh_db")
def test_tests_leave_threads_of_the_web_server_free(alice, receiver, under_way):
    for _ in range(send.TESTS_AT_ONCE):
        under_way(add(factories.make_link(), receiver.url))
    own = add(factories.make_link(affiliate=alice.affiliate), receiver.url)
    answer = alice.api.post(f"/api/v1/postbacks/{own.pk}/test")
    assert (answer.status_code, answer.json()["code"]) == (429, "tests_busy")


@pytest.mark.django_db
def test_a_test_does_not_wait_long(alice, hanging):
    own = add(factories.make_link(affiliate=alice.affiliate), hanging)
    result = alice.api.post(f"/api/v1/postbacks/{own.pk}/test").json()
    assert (result["delivered"], result["error"]) == (False, "timeout")
    assert 2_900 < result["elapsed_ms"] < 5_000
