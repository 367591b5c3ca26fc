"""Being told to stop by the system, whatever the worker is doing at that moment."""

import signal
import socket
import threading
import traceback
from collections.abc import Callable

from towpath.worker.journal import say


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

    def listen(*_open: socket.socket) -> None:
        # Both are open for as long as the process lives: the number of a closed one would be given to something else.
        while heard := ear.recv(1):
            try:
                told(signal.Signals(heard[0]).name)
            except Exception:
                say(f"stopping: {traceback.format_exc()}")

    threading.Thread(target=listen, args=(ear, mouth), name="signals", daemon=True).start()
