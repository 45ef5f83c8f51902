"""SIGTERM under load: what two families of tests ask of it."""

import threading

import setting
from setting import wait_until

LOAD_SECONDS = 5
SLOW = "/slow/3500"  # begun before the signal, and answered after it


def drain(test, pod, name, client, replicas):
    """Ends the weir `name` while `client` calls it. `replicas` has an address for each kind of
    way to it, and another one, which is the replica that goes on: ((HOST, PORT), (HOST, PORT))."""
    seen = {}
    words = [word for pair in replicas for address in pair for word in address]
    load = threading.Thread(target=lambda: seen.update(client("load", LOAD_SECONDS, *words)))
    slow = threading.Thread(target=lambda: seen.update(slow=client("get", *replicas[0][0], SLOW)))
    load.start()
    slow.start()
    wait_until(lambda: pod.in_flight(SLOW), what="the load to begin")
    setting.podman("kill", "--signal", "TERM", f"{pod.name}-{name}")
    wait_until(lambda: "503 draining" in pod.probe(name).stderr, what="readiness to fail")
    slow.join()
    load.join()
    test.assertEqual(seen.pop("slow")["status"], 200)  # what was under way ended well
    for kind, counted in seen.items():
        print(f"      {kind}: {counted['answered'][0]} answered by the one that drained, "
              f"{counted['answered'][1]} by the other")
    test.assertEqual({kind: counted["failed"] for kind, counted in seen.items()},
                     {kind: [] for kind in seen})
    for kind, counted in seen.items():
        test.assertGreater(min(counted["answered"]), 0, kind)
    wait_until(lambda: not pod.inspect(name)["State"]["Running"], what="its end")
    test.assertEqual(pod.inspect(name)["State"]["ExitCode"], 0)
