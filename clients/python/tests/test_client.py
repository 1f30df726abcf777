"""Over an agent that runs: its data folder is in PILOT_GOSSIP_DATA, its swarm is "kv"."""

import math
import os
import threading
import unittest

import pilot_gossip
from pilot_gossip import PilotGossipError

DATA = os.environ["PILOT_GOSSIP_DATA"]


class ClientTest(unittest.TestCase):
    def setUp(self) -> None:
        self.agent = pilot_gossip.connect("kv", data=DATA)
        self.addCleanup(self.agent.close)
        self.map = self.agent.map(self.id().rsplit(".", 1)[-1])

    def test_a_map_is_a_dictionary(self) -> None:
        values = {"a": 1, "b": [None, True, 1.5, "ü日🙂"], "c": {"x": {"y": []}}, "constructor": 0}
        for key, value in values.items():
            self.map[key] = value
        self.assertEqual(dict(self.map), values)
        self.assertEqual(self.map.copy(), values)
        self.assertEqual(sorted(self.map), sorted(values))
        self.assertEqual(len(self.map), len(values))
        self.assertEqual(self.map.get("none", 7), 7)
        self.assertIn("a", self.map)
        self.assertNotIn("none", self.map)
        self.assertNotIn(1, self.map)
        del self.map["a"]
        self.assertNotIn("a", self.map)
        self.assertEqual(self.map.pop("c"), values["c"])
        self.assertEqual(self.map.setdefault("d", 4), 4)
        self.assertFalse(self.map.delete("a"))
        self.assertTrue(self.map.delete("d"))

    def test_what_is_not_there_is_a_key_error(self) -> None:
        with self.assertRaises(KeyError):
            self.map["none"]
        with self.assertRaises(KeyError):
            del self.map["none"]
        with self.assertRaises(KeyError):
            self.map.history("none")

    def test_many_entries_in_one_step(self) -> None:
        self.map.update({f"k{i}": "x" * 1000 for i in range(3000)}, more=1)
        self.assertEqual(len(self.map), 3001)
        self.assertEqual(self.map["more"], 1)

    def test_counters_and_lists_lose_nothing_of_threads(self) -> None:
        def work(agent: pilot_gossip.Agent) -> None:
            shared = agent.map(self.map.name)
            for i in range(20):
                shared.increment("n", 2)
                shared.append("l", i)

        agents = [self.agent, pilot_gossip.connect("kv", data=DATA)]
        threads = [threading.Thread(target=work, args=(agents[i % 2],)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        agents[1].close()
        self.assertEqual(self.map["n"], 160)
        self.assertEqual(sorted(self.map["l"]), sorted(list(range(20)) * 4))
        self.assertEqual(self.map.increment("n", -0.5), 159.5)
        self.assertEqual(self.map.append("l", {}), 81)

    def test_parts_hot_keys_and_history(self) -> None:
        self.map["task"] = {"owner": {"name": "a"}}
        self.map.set("task", "b", path="/owner/name")
        self.assertEqual(self.map["task"], {"owner": {"name": "b"}})
        hot = self.agent.map(self.map.name, hot=True)
        for i in range(5):
            hot["beat"] = i
        self.assertEqual(self.map["beat"], 4)
        self.assertEqual(self.map.history("beat")[0]["value"], 4)

    def test_watch_tells_changes(self) -> None:
        changes = self.map.watch(timeout=30)
        self.map["k"] = 1
        self.map["k"] = 2
        del self.map["k"]
        seen = [next(changes) for _ in range(3)]
        changes.close()
        self.assertEqual([(c.key, c.action, c.value, c.old) for c in seen], [
            ("k", "set", 1, None),
            ("k", "set", 2, 1),
            ("k", "delete", None, 2),
        ])
        self.assertEqual(list(self.map.watch("other", timeout=0.05)), [])
        self.assertEqual(list(changes), [])

    def test_wait(self) -> None:
        self.map["there"] = 1
        self.map.wait(lambda shared: "there" in shared, timeout=10)
        timer = threading.Timer(0.05, lambda: self.agent.map(self.map.name).update(late=1))
        timer.start()
        self.map.wait(lambda shared: "late" in shared, timeout=30)
        timer.join()
        with self.assertRaises(TimeoutError):
            self.map.wait(lambda shared: "never" in shared, timeout=0.05)

    def test_errors_have_code_message_and_hint(self) -> None:
        with self.assertRaises(PilotGossipError) as raised:
            self.map["x" * 100_000] = 1
        self.assertEqual(raised.exception.code, "invalid_argument")
        self.assertTrue(raised.exception.message and raised.exception.hint)
        self.map["k"] = 1  # the connection goes on
        for bad in (math.nan, math.inf, {1, 2}, object(), 2**60, [{"x": -(2**60)}]):
            with self.assertRaises((TypeError, ValueError)):
                self.map["bad"] = bad
        with self.assertRaises(TypeError):
            self.map[1] = 1  # type: ignore[index]
        self.assertEqual(dict(self.map), {"k": 1})
        with self.assertRaises(PilotGossipError) as raised:
            pilot_gossip.connect(data="/nowhere/at/all")
        self.assertEqual(raised.exception.code, "not_running")
        with self.assertRaises(PilotGossipError) as raised:
            pilot_gossip.connect("another", data=DATA)
        self.assertEqual(raised.exception.code, "invalid_argument")
        with self.assertRaises(PilotGossipError):
            pilot_gossip.connect()

    def test_a_connection_that_was_let_go_is_made_again(self) -> None:
        self.map["k"] = 1
        self.agent.close()
        self.assertEqual(self.map["k"], 1)
        assert self.agent._connection is not None
        self.agent._connection.used -= 60
        self.assertEqual(self.map["k"], 1)

    def test_status_and_peers(self) -> None:
        self.assertEqual(self.agent.status()["swarm"], "kv")
        self.assertIsInstance(self.agent.peers(), list)


if __name__ == "__main__":
    unittest.main()
