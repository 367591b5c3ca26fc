"""Being told to stop by the system, whatever the worker is doing at that moment."""

import signal
import socket
import threading
from collections.abc import Callable


def hear(*numbers: signal.Signals, told: Callable[[str], None]) -> None:
    """Call `told` with the name of each of these signals that arrives, from a thread of its own.

    Python runs handlers in the main thread: a signal that the system hands to another thread would wait for as long as
    the main one does, and one that interrupts the main one while it holds an event's lock would wait for itself. The
    byte that is read here is written by whichever thread the signal came to.
    """
    ear, mouth = socket.socketpair()
    mouth.setblocking(False)
    signal.set_wakeup_fd(mouth.fileno(), warn_on_full_buffer=False)
    for number in numbers:
        signal.signal(number, lambda *_: None)

    def listen() -> None:
        with ear, mouth:
            while heard := ear.recv(1):
                told(signal.Signals(heard[0]).name)

    threading.Thread(target=listen, name="signals", daemon=True).start()
