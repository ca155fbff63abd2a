import pytest

pytestmark = pytest.mark.django_db


def test_it_predicts_and_answers_with_model_card_and_notice(deployment, north, cases):
    answer = north.post(deployment, "predictions", {"records": [cases("a"), cases("b", "male")]})
    assert answer.status_code == 200, answer.content
    print(answer.json())
    out = north.post(deployment, "outcomes", {"records": [{"event_key": "a", "label": 1}]})
    assert out.status_code == 200, out.content
    print(out.json())
