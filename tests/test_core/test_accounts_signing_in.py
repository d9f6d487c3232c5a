"""Signing in, being slowed down, proving again who one is, and what a temporary password opens."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from redis.exceptions import ConnectionError as Unreachable

from countersign import clock
from countersign.accounts import actions, throttle
from countersign.accounts.models import User
from countersign.accounts.reauthentication import confirm_password
from countersign.errors import Refused
from countersign.ledger.models import Entry, PersonalValue
from countersign.permissions import Role
from tests.factories import people
from tests.test_core.accounts_kit import at_once, codes, leaves, newest

pytestmark = pytest.mark.django_db

SIGN_IN = "/sign-in/"


@pytest.fixture(autouse=True)
def _no_failures_before() -> None:
    cache.clear()


@pytest.fixture
def user(db: None) -> User:
    return people.make_user("Ada.Byron", full_name="Ada Byron")


def sign_in(client: Client, password: str, username: str = "ada.byron", **more: Any) -> Any:
    return client.post(SIGN_IN, {"username": username, "password": password, "next": "/profile/"}, **more)


def test_the_page_asks_for_name_and_password(client: Client) -> None:
    page = client.get(SIGN_IN)
    text = page.content.decode()
    assert page.status_code == 200
    assert 'autocomplete="username"' in text
    assert 'autocomplete="current-password"' in text
    assert "onpaste" not in text
    assert "no-store" in page["Cache-Control"]


def test_signing_in_starts_a_fresh_session(client: Client, user: User) -> None:
    client.get(SIGN_IN)
    session = client.session
    session["planted"] = "by somebody else"
    session.save()
    planted = session.session_key
    answer = sign_in(client, people.PASSWORD)
    assert (answer.status_code, answer["Location"]) == (303, "/profile/")
    assert client.session.session_key != planted
    page = client.get("/profile/")
    assert "Ada Byron" in page.content.decode()
    cookie = client.cookies["sessionid"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"


def test_a_stranger_is_sent_to_sign_in_and_back(client: Client, user: User) -> None:
    answer = client.get("/people/?q=risk")
    assert answer.status_code == 303
    assert answer["Location"] == "/sign-in/?next=%2Fpeople%2F%3Fq%3Drisk"
    part = client.get("/people/", headers={"HX-Request": "true"})
    assert part["HX-Redirect"].startswith("/sign-in/")


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "/\\evil.example"]
)
def test_signing_in_never_leads_to_another_site(client: Client, user: User, target: str) -> None:
    text = client.get(SIGN_IN, {"next": target}).content.decode()
    assert "evil" not in text
    assert "javascript:" not in text


def test_wrong_passwords_are_counted_and_said(client: Client, user: User) -> None:
    start = Entry.objects.count()
    for left in (4, 3, 2, 1):
        answer = sign_in(client, "wrong")
        assert answer.status_code == 422
        tries = "tries" if left > 1 else "try"
        assert f"do not belong together. {left} {tries} left" in answer.content.decode()
    assert Entry.objects.count() == start
    answer = sign_in(client, "wrong", REMOTE_ADDR="203.0.113.9")
    assert (answer.status_code, answer["Retry-After"]) == (429, "30")
    assert "Wait 30 s" in answer.content.decode()


def test_a_locked_account_opens_to_nobody_for_a_while(client: Client, user: User, settings: Any) -> None:
    for _ in range(5):
        sign_in(client, "wrong", REMOTE_ADDR="203.0.113.9")
    entry = newest()
    assert entry["verb"] == "accounts.user.locked_out"
    assert entry["subject"] == {"type": "accounts.user", "ref": str(user.pk)}
    assert entry["actor"]["kind"] == "system"
    assert entry["data"]["after"] == {"details": {"seconds": 30}}
    assert PersonalValue.objects.get(entry=entry["id"]).value == "203.0.113.9"
    assert sign_in(client, people.PASSWORD).status_code == 429
    settings.CLOCK_OFFSET_SECONDS = 31
    assert sign_in(client, people.PASSWORD).status_code == 303


def test_each_further_lock_is_twice_as_long_up_to_a_quarter_hour(user: User, settings: Any) -> None:
    locks = []
    for _ in range(12):
        attempt = throttle.begin("ada.byron")
        if attempt.lock_seconds:
            locks.append(attempt.lock_seconds)
            settings.CLOCK_OFFSET_SECONDS += attempt.lock_seconds + 1
    assert locks == [30, 60, 120, 240, 480, 900, 900, 900]


def test_a_success_forgets_the_accounts_failures(client: Client, user: User) -> None:
    for _ in range(4):
        sign_in(client, "wrong")
    assert sign_in(client, people.PASSWORD).status_code == 303
    fresh = Client()
    assert "4 tries left" in sign_in(fresh, "wrong").content.decode()


def test_an_address_is_slowed_down_over_many_accounts(client: Client, user: User) -> None:
    for number in range(20):
        answer = sign_in(client, "wrong", username=f"nobody{number}", REMOTE_ADDR="203.0.113.9")
    assert answer.status_code == 422
    assert sign_in(client, people.PASSWORD, REMOTE_ADDR="203.0.113.9").status_code == 429
    assert sign_in(client, people.PASSWORD, REMOTE_ADDR="203.0.113.10").status_code == 303


def test_an_unknown_name_behaves_like_a_known_one(client: Client, user: User) -> None:
    for _ in range(5):
        unknown = sign_in(client, "wrong", username="nobody.here")
    assert unknown.status_code == 429
    assert not any(leaf["verb"] == "accounts.user.locked_out" for leaf in leaves())


def test_guesses_made_at_once_gain_nothing(user: User) -> None:
    results = at_once(*[lambda: throttle.begin("ada.byron")] * 20)
    looked_at = [result for result in results if isinstance(result, throttle.Attempt)]
    refused = [result for result in results if isinstance(result, throttle.LockedOut)]
    assert len(looked_at) == throttle.ACCOUNT_TRIES
    assert len(looked_at) + len(refused) == 20


def test_signing_out_is_a_post(client: Client, user: User) -> None:
    client.force_login(user)
    assert client.get("/sign-out/").status_code == 405
    assert client.post("/sign-out/")["Location"] == SIGN_IN
    assert client.get("/profile/").status_code == 303


def test_signing_out_needs_the_form_of_this_site(user: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    assert client.post("/sign-out/").status_code == 403
    assert client.get("/profile/").status_code == 200


def test_a_deactivated_person_is_signed_out(client: Client, user: User) -> None:
    client.force_login(user)
    actions.deactivate_user(user=user, actor=people.actor_for(people.make_administrator()))
    assert client.get("/profile/").status_code == 303
    assert sign_in(client, people.PASSWORD).status_code == 422


# --- one's own password ---------------------------------------------------------------------------------


def change(client: Client, current: str, new: str, again: str | None = None) -> Any:
    return client.post(
        "/profile/password/", {"current": current, "password": new, "again": new if again is None else again}
    )


def test_changing_the_password_ends_other_sessions(client: Client, user: User) -> None:
    other = Client()
    for browser in (client, other):
        browser.force_login(user)
    assert change(client, people.PASSWORD, "another good phrase").status_code == 303
    assert client.get("/profile/").status_code == 200
    assert other.get("/profile/").status_code == 303
    assert newest()["verb"] == "accounts.user.password_changed"
    assert newest()["via"] == "page"


@pytest.mark.parametrize(
    ("current", "new", "again", "says"),
    [
        ("wrong", "another good phrase", None, "This is not your password"),
        (people.PASSWORD, "tiny", None, "too short"),
        (people.PASSWORD, "another good phrase", "another good phase", "not the same"),
        (people.PASSWORD, people.PASSWORD, None, "not the one you have"),
    ],
)
def test_a_change_that_is_not_made_says_why(
    client: Client, user: User, current: str, new: str, again: str | None, says: str
) -> None:
    client.force_login(user)
    answer = change(client, current, new, again)
    assert answer.status_code == 422
    assert says in answer.content.decode()
    assert new not in answer.content.decode()
    user.refresh_from_db()
    assert user.check_password(people.PASSWORD)


def test_a_temporary_password_opens_only_its_change(client: Client, user: User) -> None:
    administrator = people.make_administrator()
    _, temporary = actions.reset_password(user=user, actor=people.actor_for(administrator))
    assert sign_in(client, temporary).status_code == 303
    for url in ("/profile/", "/people/", "/sign-in/"):
        assert client.get(url).status_code == 303
    assert client.get("/profile/")["Location"] == "/profile/password/"
    me = client.get("/api/v1/me")
    assert (me.status_code, me.json()["code"]) == (401, "password_is_temporary")
    assert change(client, temporary, "another good phrase").status_code == 303
    assert client.get("/profile/").status_code == 200
    assert client.get("/api/v1/me").status_code == 200


# --- proving again who one is ---------------------------------------------------------------------------


def test_confirm_password_gives_the_instant(user: User) -> None:
    before = clock.now()
    assert before <= confirm_password(people.actor_for(user), people.PASSWORD) <= clock.now()


def test_confirm_password_refuses(user: User) -> None:
    administrator = people.make_administrator()
    actor = people.actor_for(user)
    with pytest.raises(Refused) as refused:
        confirm_password(actor, "wrong")
    assert codes(refused) == ["reauthentication_failed"]
    risk = people.make_team("Risk")
    machine = people.make_service_account(risk, user)
    with pytest.raises(Refused) as refused:
        confirm_password(people.actor_for(machine), people.PASSWORD)
    assert codes(refused) == ["person_needed"]
    _, temporary = actions.reset_password(user=user, actor=people.actor_for(administrator))
    with pytest.raises(Refused) as refused:
        confirm_password(actor, temporary)
    assert codes(refused) == ["password_is_temporary"]


def test_confirm_password_is_throttled_with_signing_in(client: Client, user: User) -> None:
    actor = people.actor_for(user)
    for _ in range(4):
        with pytest.raises(Refused):
            confirm_password(actor, "wrong")
    with pytest.raises(throttle.LockedOut) as locked:
        confirm_password(actor, "wrong")
    assert locked.value.retry_after == 30
    assert newest()["verb"] == "accounts.user.locked_out"
    with pytest.raises(throttle.LockedOut):
        confirm_password(actor, people.PASSWORD)
    assert sign_in(client, people.PASSWORD).status_code == 429


# --- refusals -------------------------------------------------------------------------------------------


def test_a_refusal_says_why_and_whom_to_ask_and_is_recorded(client: Client, user: User) -> None:
    people.make_administrator("grace.hopper")
    client.force_login(user)
    answer = client.get(reverse("accounts:person-new"))
    text = answer.content.decode()
    assert answer.status_code == 403
    assert "needs the role administrator" in text
    assert "<dt>Administrators, who grant roles</dt><dd>Grace hopper</dd>" in text
    entry = newest()
    assert entry["verb"] == "accounts.attempt.refused"
    assert entry["subject"] == {"type": "accounts.user", "ref": str(user.pk)}
    assert entry["request"] == answer["X-Request-ID"]
    assert entry["data"] == {
        "before": None,
        "after": {
            "details": {
                "attempted": "GET /people/new/",
                "reasons": ["permission_missing"],
                "not_recorded_before": 0,
            }
        },
    }


def test_refusals_are_capped_and_then_counted(client: Client, user: User) -> None:
    client.force_login(user)
    start = Entry.objects.count()
    for _ in range(13):
        assert client.get("/people/new/").status_code == 403
    assert Entry.objects.count() - start == 10
    cache.delete(f"refusals:{user.pk}")  # the minute is over
    client.get("/people/new/")
    assert newest()["data"]["after"]["details"]["not_recorded_before"] == 3


def test_without_the_cache_refusals_are_still_recorded(
    client: Client, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: Any, **__: Any) -> None:
        raise Unreachable("no server")

    client.force_login(user)
    monkeypatch.setattr(cache, "add", gone, raising=False)
    assert client.get("/people/new/").status_code == 403
    assert newest()["verb"] == "accounts.attempt.refused"


def test_not_found_conflict_and_bad_urls_are_pages(client: Client, user: User) -> None:
    administrator = people.make_administrator()
    client.force_login(administrator)
    assert client.get(f"/people/{user.pk}/").status_code == 200
    assert client.get(f"/people/{people.make_team('x').pk}/").status_code == 404
    assert client.get("/nowhere/").status_code == 404
    conflict = client.post(f"/people/{user.pk}/reactivate/")
    assert conflict.status_code == 409
    assert "is active already" in conflict.content.decode()
    assert client.get("/people/?q=%00").status_code == 422


def test_a_token_in_a_page_url_signs_nobody_in(client: Client, user: User) -> None:
    answer = client.get(f"/profile/?token={people.token_for(user)}")
    assert answer.status_code == 400
    assert "_auth_user_id" not in client.session


def test_the_person_sees_what_they_hold(client: Client) -> None:
    risk = people.make_team("Risk")
    client.force_login(people.make_user("r", roles=[(Role.REVIEWER, risk)]))
    text = client.get("/profile/").content.decode()
    assert "reviewer" in text
    assert "Risk" in text
