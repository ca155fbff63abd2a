import pytest

from audits.domain import webhooks

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
HEADERS = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}
BODY = b'{"test": 2432232314}'
NOW = 1614265330


def test_the_signature_is_that_of_the_published_example():
    """The example of the Standard Webhooks specification's libraries: theirs verify what we send."""
    made = webhooks.signed_headers(secret=SECRET, message_id=HEADERS["webhook-id"], timestamp=NOW, body=BODY)
    assert made == HEADERS
    assert webhooks.verify(secret=SECRET, headers=HEADERS, body=BODY, now=NOW) == HEADERS["webhook-id"]


@pytest.mark.parametrize(
    ("headers", "body", "now", "words"),
    [
        ({}, BODY + b" ", NOW, "no signature"),
        ({"webhook-id": "msg_other"}, BODY, NOW, "no signature"),
        ({"webhook-timestamp": str(NOW + 1)}, BODY, NOW, "no signature"),
        ({}, BODY, NOW + 301, "within 300 s"),
        ({}, BODY, NOW - 301, "within 300 s"),
        ({"webhook-timestamp": "soon"}, BODY, NOW, "headers"),
    ],
)
def test_what_was_changed_or_is_old_is_refused(headers, body, now, words):
    with pytest.raises(webhooks.BadSignature, match=words):
        webhooks.verify(secret=SECRET, headers={**HEADERS, **headers}, body=body, now=now)


def test_each_secret_is_another_and_fits_only_itself():
    one, other = webhooks.new_secret(), webhooks.new_secret()
    assert one != other and one.startswith("whsec_")
    headers = webhooks.signed_headers(secret=one, message_id="m", timestamp=NOW, body=BODY)
    assert webhooks.verify(secret=one, headers=headers, body=BODY, now=NOW + 299) == "m"
    with pytest.raises(webhooks.BadSignature):
        webhooks.verify(secret=other, headers=headers, body=BODY, now=NOW)


def test_one_of_several_signatures_is_enough_while_a_secret_is_changed():
    headers = {**HEADERS, "webhook-signature": "v1,AAAA " + HEADERS["webhook-signature"]}
    assert webhooks.verify(secret=SECRET, headers=headers, body=BODY, now=NOW)
