"""A conversation ends when its time is over, also one that begins only then."""

import socket
import time

from towpath.worker.deadlines import Deadline


def test_a_line_is_cut_when_the_time_is_over():
    ours, theirs = socket.socketpair()
    with ours, theirs, Deadline(0.1) as end:
        ours.settimeout(5)
        end.watch(ours)
        assert ours.recv(1) == b""


def test_a_line_that_begins_when_the_time_is_over_is_cut_at_once():
    ours, theirs = socket.socketpair()
    with ours, theirs, Deadline(0.01) as end:
        time.sleep(0.2)
        ours.settimeout(1)
        end.watch(ours)
        assert ours.recv(1) == b""
