"""The cases that the eventsourcing library publishes for recorders, run against ours: a fresh tenant for each."""

from uuid import uuid4

import pytest
from eventsourcing.persistence import AggregateRecorder
from eventsourcing.tests import persistence as cases

from adapters.postgres.database import found
from adapters.postgres.recorder import Recorder


class Fresh:
    @pytest.fixture(autouse=True)
    def fresh(self, database, committer):
        self.database, self.committer = database, committer

    def create_recorder(self):
        tenant = uuid4()
        found(self.database, tenant)
        return Recorder(tenant, self.database, self.committer)


class Unnumbered(AggregateRecorder):
    """Ours numbers every event; an aggregate recorder has no numbers to answer with, which its case insists on."""

    def __init__(self, recorder):
        self.recorder = recorder

    def insert_events(self, stored_events, **kwargs):
        self.recorder.insert_events(stored_events, **kwargs)

    def select_events(self, originator_id, **kwargs):
        return self.recorder.select_events(originator_id, **kwargs)


class TestAggregate(Fresh, cases.AggregateRecorderTestCase):
    def create_recorder(self):
        return Unnumbered(super().create_recorder())


class TestApplication(Fresh, cases.ApplicationRecorderTestCase):
    def test_insert_subscribe(self):
        self.optional_test_insert_subscribe()


class TestTracking(Fresh, cases.TrackingRecorderTestCase):
    pass


class TestProcess(Fresh, cases.ProcessRecorderTestCase):
    pass


class TestNonInterleaving(Fresh, cases.NonInterleavingNotificationIDsBaseCase):
    pass
