"""Promise: a route picks the version, and keeps to it for a user."""

from mesh import MeshTest
from wire import Client


class Versions(MeshTest):
    def setUp(self):
        super().setUp()
        one, two = self.instances(2)
        self.endpoints = [{"address": one.address, "version": "v1"},
                          {"address": two.address, "version": "v2"}]

    def answers(self, weir, count, headers=lambda number: None):
        """How many answers came from (v1, v2)."""
        with Client(weir.port) as client:
            names = [client.request(headers=headers(number)).text for number in range(count)]
        return names.count("a"), names.count("b")

    def test_header_and_cookie_choose(self):
        weir = self.weir(self.endpoints, route={"versions": [
            {"when": {"header": {"x-cohort": "beta"}}, "to": "v2"},
            {"when": {"cookie": {"canary": "yes"}}, "to": "v2"},
            {"split": {"v1": "100%"}}]})
        self.assertEqual(self.answers(weir, 10), (10, 0))
        self.assertEqual(self.answers(weir, 10, lambda _: {"x-cohort": "beta"}), (0, 10))
        self.assertEqual(self.answers(weir, 10, lambda _: {"Cookie": "a=b; canary=yes"}), (0, 10))

    def test_split_gives_the_canary_its_share(self):
        weir = self.weir(self.endpoints, route={"versions": [{"split": {"v1": "90%", "v2": "10%"}}]})
        _, canary = self.answers(weir, 1000)
        self.assertTrue(50 <= canary <= 160, canary)  # five standard deviations

    def test_sticky_user_sees_one_version(self):
        weir = self.weir(self.endpoints, route={"versions": [
            {"split": {"v1": "50%", "v2": "50%"}, "sticky": "header:x-user-id"}]})
        for user in range(10):
            self.assertIn(0, self.answers(weir, 10, lambda _, user=user: {"x-user-id": f"u{user}"}))
        first, second = self.answers(weir, 200, lambda number: {"x-user-id": f"user-{number}"})
        self.assertTrue(first > 50 and second > 50, (first, second))

    def test_switching_everything_over_is_one_reload(self):
        weir = self.weir(self.endpoints, route={"versions": [{"split": {"v1": "100%"}}]})
        self.assertEqual(self.answers(weir, 20), (20, 0))
        weir.config["routes"][0]["versions"] = [{"split": {"v2": "100%"}}]
        weir.reload(weir.config)
        self.assertEqual(self.answers(weir, 20), (0, 20))

    def test_more_specific_routes_win(self):
        weir = self.weir(self.endpoints, routes=[
            {"match": {"host": "catalog"}, "to": "catalog", "versions": [{"split": {"v1": "100%"}}]},
            {"match": {"host": "catalog", "path": "/new/*", "method": "GET"}, "to": "catalog",
             "versions": [{"split": {"v2": "100%"}}]}])
        self.assertEqual(weir.request(target="/old/x").text, "a")
        self.assertEqual(weir.request(target="/new/x").text, "b")
        self.assertEqual(weir.request("POST", "/new/x").text, "a")
