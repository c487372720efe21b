"""A TCP proxy that holds back every byte for half a round trip, in both directions.

Guarantees: order and content unchanged, closing and half-closing passed on, nothing buffered
without limit. One per host of a lab with `--rtt`; ends by SIGTERM. Arguments: listen address and
port, target address and port, round trip in milliseconds.
"""

from __future__ import annotations

import asyncio
import socket
import sys

WINDOW = 256  # chunks on the way at once: bounds memory, far above what ssh keeps in flight
CHUNK = 65536


async def carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter, delay_s: float) -> None:
    """Copy one direction, each chunk `delay_s` after it came."""
    clock = asyncio.get_running_loop().time
    on_the_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(WINDOW)

    async def receive() -> None:
        try:
            while data := await source.read(CHUNK):
                await on_the_way.put((clock() + delay_s, data))
        except ConnectionError:
            pass
        await on_the_way.put((clock() + delay_s, b""))

    receiver = asyncio.create_task(receive())
    try:
        while True:
            due, data = await on_the_way.get()
            await asyncio.sleep(max(0.0, due - clock()))
            if not data:
                break
            sink.write(data)
            await sink.drain()
        if sink.can_write_eof():
            sink.write_eof()
    except (ConnectionError, OSError):
        pass
    finally:
        receiver.cancel()


async def serve(listen: tuple[str, int], target: tuple[str, int], rtt_ms: float) -> None:
    """Accept for ever."""
    delay_s = rtt_ms / 2000

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(*target)
        except OSError:
            writer.close()
            return
        for end in (writer, far_writer):
            end.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.gather(carry(reader, far_writer, delay_s), carry(far_reader, writer, delay_s))
        for end in (writer, far_writer):
            end.close()

    server = await asyncio.start_server(connected, *listen)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    address, port, target_address, target_port, rtt = sys.argv[1:]
    asyncio.run(serve((address, int(port)), (target_address, int(target_port)), float(rtt)))
