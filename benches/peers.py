"""What people try first, asked the same: peers.py loop|threads|session|each|json URL|@FILE CALLS

Prints the seconds it took, and how many calls had an answer. `{n}` in the URL is the call's number.
"""

import asyncio
import sys
import time
from concurrent.futures import ThreadPoolExecutor


def loop(urls):
    import requests

    session = requests.Session()
    return sum(session.get(url, timeout=120).ok for url in urls)


def threads(urls):
    import requests

    with ThreadPoolExecutor(max_workers=len(urls)) as pool:
        return sum(pool.map(lambda url: requests.get(url, timeout=120).ok, urls))


def session(urls, timeout=120):
    """One session for all: its connections are kept and used again."""
    import aiohttp

    async def run():
        connector = aiohttp.TCPConnector(limit=0)
        limit = aiohttp.ClientTimeout(total=timeout)
        async with aiohttp.ClientSession(connector=connector, timeout=limit) as client:

            async def ask(url):
                async with client.get(url) as answer:
                    await answer.read()
                    return answer.status == 200

            return await asyncio.gather(*map(ask, urls), return_exceptions=True)

    return sum(answer is True for answer in asyncio.run(run()))


def each(urls):
    """A session, and so a connection, for each call."""
    import aiohttp

    async def ask(url):
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=120)) as client:
            async with client.get(url) as answer:
                await answer.read()
                return answer.status == 200

    async def run():
        return await asyncio.gather(*map(ask, urls), return_exceptions=True)

    return sum(answer is True for answer in asyncio.run(run()))


def waves(url):
    """Two waves of five through one session, five seconds for the second."""
    import aiohttp

    async def run():
        limit = aiohttp.ClientTimeout(total=5)
        async with aiohttp.ClientSession(timeout=limit) as client:

            async def ask(n):
                async with client.get(url.replace("{n}", str(n))) as answer:
                    await answer.read()
                    return answer.status == 200

            answered = 0
            for wave in range(2):
                got = await asyncio.gather(*map(ask, range(5 * wave, 5 * wave + 5)), return_exceptions=True)
                answered += sum(answer is True for answer in got)
            return answered

    return asyncio.run(run())


def json(urls):
    """One session, 32 calls at a time, each answer read as JSON; redirects are followed."""
    import aiohttp

    async def run():
        connector = aiohttp.TCPConnector(limit=32)
        async with aiohttp.ClientSession(connector=connector) as client:

            async def ask(url):
                async with client.get(url) as answer:
                    return await answer.json(content_type=None) is not None

            return await asyncio.gather(*map(ask, urls), return_exceptions=True)

    return sum(answer is True for answer in asyncio.run(run()))


def main():
    what, url, calls = sys.argv[1], sys.argv[2], int(sys.argv[3])
    begun = time.monotonic()
    if what == "waves":
        answered = waves(url)
    else:
        if url.startswith("@"):
            urls = open(url[1:]).read().split()[:calls]
        else:
            urls = [url.replace("{n}", str(n)) for n in range(1, calls + 1)]
        answered = globals()[what](urls)
    print(f"{what:8} {calls} calls: {time.monotonic() - begun:.2f} s, {answered} answered")


main()
