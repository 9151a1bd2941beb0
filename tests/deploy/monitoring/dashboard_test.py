"""The Grafana dashboard of deploy/monitoring: that Grafana can make sense of it."""

import itertools
import unittest

import dashboard
from monitoring import dashboard_file, panels


def overlap(a, b):
    return (
        a["x"] < b["x"] + b["w"]
        and b["x"] < a["x"] + a["w"]
        and a["y"] < b["y"] + b["h"]
        and b["y"] < a["y"] + a["h"]
    )


class DashboardTest(unittest.TestCase):
    def test_the_file_is_what_its_script_makes(self):
        self.assertEqual(dashboard.FILE.read_text(), dashboard.text(), "run dashboard.py")

    def test_panels_have_numbers_of_their_own(self):
        ids = [panel["id"] for panel in dashboard_file()["panels"]]
        self.assertEqual(len(set(ids)), len(ids))

    def test_panels_are_within_the_grid_and_do_not_overlap(self):
        everything = dashboard_file()["panels"]
        for panel in everything:
            with self.subTest(panel["title"]):
                place = panel["gridPos"]
                self.assertGreaterEqual(place["x"], 0)
                self.assertLessEqual(place["x"] + place["w"], 24)
        for one, other in itertools.combinations(everything, 2):
            self.assertFalse(
                overlap(one["gridPos"], other["gridPos"]), (one["title"], other["title"])
            )

    def test_all_data_comes_from_the_chosen_source_and_instances(self):
        chosen = {"type": "prometheus", "uid": "${datasource}"}
        variables = {one["name"]: one for one in dashboard_file()["templating"]["list"]}
        self.assertEqual(variables["datasource"]["type"], "datasource")
        self.assertEqual(variables["datasource"]["query"], "prometheus")
        self.assertEqual(variables["instance"]["datasource"], chosen)
        for panel in panels():
            with self.subTest(panel["title"]):
                self.assertEqual(panel["datasource"], chosen)
                for target in panel["targets"]:
                    self.assertEqual(target["datasource"], chosen)
                    self.assertIn('instance=~"$instance"', target["expr"])

    def test_each_panel_has_a_title_a_unit_and_queries_with_names(self):
        for panel in panels():
            with self.subTest(panel["title"]):
                self.assertTrue(panel["title"])
                self.assertTrue(panel["fieldConfig"]["defaults"]["unit"])
                names = [target["refId"] for target in panel["targets"]]
                self.assertTrue(names)
                self.assertEqual(len(set(names)), len(names))
