import yaml

from shared import subjects
from watchword.asyncapi import GIVEN, TAKEN, as_yaml, document


def test_document_names_every_event_that_others_may_send_or_follow():
    assert set(document()["channels"]) == {subject for subject, _, _ in (*TAKEN, *GIVEN)}


def test_document_has_the_fields_of_the_models():
    schemas = document()["components"]["schemas"]
    for _, model, _ in (*TAKEN, *GIVEN):
        assert set(schemas[model.__name__]["properties"]) >= set(model.model_fields) - {"duration"}


def test_document_is_the_same_each_time_and_valid_yaml():
    assert as_yaml() == as_yaml()
    assert yaml.safe_load(as_yaml())["asyncapi"].startswith("3.")


def test_subjects_that_others_publish_on_are_those_of_the_streams():
    assert {subjects.CHECK_REQUESTED, subjects.MUTE_REQUESTED, subjects.UNMUTE_REQUESTED} <= {
        subject for subject, _, _ in TAKEN
    }
