"""The demonstration: a training job that knows a URL and a token, and the people who decide.

    COUNTERSIGN_URL=http://127.0.0.1:8000 COUNTERSIGN_TOKEN=cs_… python -m demo

The token needs the scope `administer`: the story begins with making the team. From then on the training job has
a token of its own and the people sign in like anybody. Every step goes through the public doors.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from demo import bills, checks
from demo.card import BOOSTED_TREES_CARD, RANDOM_FOREST_CARD
from demo.client import Answered, Client
from demo.datasets import descriptors, sample_path
from demo.people import Person, hire
from demo.training import TrainedModel, save, save_extract, train_all

MODEL = "credit-default"
HOLDOUT = "credit-default-holdout"
PURPOSE = (
    "Scores the chance that a card payment is missed next month, so that an analyst decides which credit limits to "
    "review first."
)
EVALUATION_SECONDS = 300.0


def say(text: str) -> None:
    """One line of the story, at once."""
    print(f"  {text}", flush=True)


class Story:
    """What the steps share: the base URL, the people, and the training job's client."""

    def __init__(self, base: str, administrator: Client, folder: Path) -> None:
        self.base, self.folder = base, folder
        self.team, self.people = hire(administrator, base)
        engineer = self.people["ML engineer"]
        account = administrator.post(
            "service-accounts",
            {"name": "training-job", "team": self.team, "responsible": engineer.id, "role": "contributor"},
        )
        token = administrator.post(
            "tokens",
            {
                "service_account": account["id"],
                "name": "nightly training",
                "scopes": ["read", "write"],
                "days": 90,
            },
        )
        self.job = Client(base, token=token["token"])

    def who(self, title: str) -> Person:
        """Somebody by title."""
        return self.people[title]

    def register_data(self) -> dict[str, dict[str, Any]]:
        """Register training data, the faulty extract (its second version) and the holdout."""
        known = {}
        for sample in ("credit_default_train", "credit_default_train_refresh", "credit_default_holdout"):
            path = save_extract(self.folder) if sample.endswith("_refresh") else sample_path(sample)
            descriptor = dict(descriptors()[sample])
            name = str(descriptor.pop("name"))
            description, _role = descriptor.pop("description"), descriptor.pop("role")
            if all(one["dataset"] != name for one in known.values()):
                self.job.post("datasets", {"name": name, "team": self.team, "description": description})
            version = self.job.upload(f"datasets/{name}/versions", descriptor, [(path.name, path)])
            known[sample] = {"dataset": name, "version": version["number"]}
        return known

    def upload(self, trained: TrainedModel, data: dict[str, dict[str, Any]], commit: str) -> int:
        """Upload one trained model in one call; returns its version number."""
        path = save(trained, self.folder)
        holdout = data["credit_default_holdout"]
        metadata = {
            "flavour": str(trained.flavour),
            "description": trained.notes,
            "signature": {
                "features": list(trained.features),
                "target": "default",
                "positive_label": "1",
                "threshold": trained.threshold,
            },
            "run": {
                "experiment": MODEL,
                "name": trained.name,
                "parameters": trained.parameters,
                "metrics": [{"key": key, "value": value} for key, value in trained.metrics.items()],
                "inputs": [{**data[trained.dataset], "context": "training"}],
                "source_repository": "https://git.example/retail-credit/scoring",
                "source_commit": commit,
                "source_clean": True,
            },
            "inputs": [
                {**data[trained.dataset], "context": "training"},
                {**holdout, "context": "evaluation"},
            ],
            "trainers": [self.who("ML engineer").role.username],
        }
        number = int(self.job.upload(f"models/{MODEL}/versions", metadata, [(path.name, path)])["number"])
        checked = checks.report(trained, path, self.folder)
        self.job.upload(f"models/{MODEL}/versions/{number}/reports", None, [(checked.name, checked)])
        return number

    def upload_bills(self) -> int:
        """Register the accounts with the bill as target, train the second model and upload it; its version."""
        self.job.post("models", {"name": bills.MODEL, "team": self.team, "description": bills.PURPOSE})
        self.who("model owner").browser.put(
            f"models/{bills.MODEL}/profile", {"risk_tier": "low", "purpose": bills.PURPOSE}
        )
        known = []
        for part in ("train", "holdout"):
            name, path = f"card-bills-{part}", sample_path(f"credit_default_{part}")
            self.job.post("datasets", {"name": name, "team": self.team, "description": bills.ABOUT})
            described = bills.descriptor(path.stem)
            version = self.job.upload(f"datasets/{name}/versions", described, [(path.name, path)])
            known.append({"dataset": name, "version": version["number"]})
        path = bills.save(bills.train(), self.folder)
        metadata = bills.metadata(*known, trainer=self.who("ML engineer").role.username)
        version = self.job.upload(f"models/{bills.MODEL}/versions", metadata, [(path.name, path)])
        return int(version["number"])

    def evaluated(self, number: int, model: str = MODEL) -> dict[str, Any]:
        """Wait until the worker has evaluated the version."""
        deadline = time.monotonic() + EVALUATION_SECONDS
        while time.monotonic() < deadline:
            found = self.job.get("evaluations", model=model, version=number)["results"]
            if found and found[0]["state"] != "waiting":
                if found[0]["state"] != "succeeded":
                    raise SystemExit(f"Evaluation of version {number} failed: {found[0]['failure']}")
                evaluation: dict[str, Any] = found[0]
                return evaluation
            time.sleep(0.3)
        raise SystemExit(
            f"Version {number} was not evaluated in {EVALUATION_SECONDS:.0f} s; see the workers' logs."
        )

    def write_card(self, number: int, sections: dict[str, str]) -> None:
        """The ML engineer writes the card."""
        self.who("ML engineer").browser.put(
            f"models/{MODEL}/versions/{number}/card", {"sections": sections, "base_revision": None}
        )

    def ask_for_review(self, number: int, reason: str) -> int:
        """The owner asks; returns the review's number."""
        body = {"model": MODEL, "version": number, "environment": "production", "reason": reason}
        return int(self.who("model owner").browser.post("reviews", body)["number"])

    def sign(self, title: str, review: int, requirement: str, reason: str) -> None:
        """Somebody signs what they see now, and proves who they are with their password."""
        person = self.who(title)
        standing = person.browser.get(f"reviews/{review}")
        person.browser.post(
            f"reviews/{review}/sign-offs",
            {
                "requirement": requirement,
                "decision": "approve",
                "subject_digest": standing["subject_digest"],
                "reason": reason,
                "password": person.password,
            },
        )

    def promote(self, number: int, reason: str) -> dict[str, Any]:
        """The owner promotes to production."""
        body = {"model": MODEL, "version": number, "environment": "production", "reason": reason}
        promotion: dict[str, Any] = self.who("model owner").browser.post("promotions", body)
        return promotion

    def export(self) -> tuple[dict[str, Any], Path]:
        """The auditor asks for the model's record and takes it away."""
        auditor = self.who("auditor").browser
        asked = auditor.post("exports", {"model": MODEL, "reason": "First audit of the demonstration"})
        export = auditor.wait(
            f"exports/{asked['number']}", ended=["ready", "failed", "cancelled"], seconds=120
        )
        if export["state"] != "ready":
            raise SystemExit(f"The audit export failed: {export['failure']}")
        home = Path(os.environ.get("COUNTERSIGN_HOME", self.folder))
        target = home / f"audit-export-{asked['number']}.zip"
        auditor.download(f"exports/{asked['number']}/bundle", target)
        return export, target


def check_offline(story: Story, bundle: Path) -> str:
    """Run the stand-alone verifier from the checkout on the bundle, with the keys the platform publishes."""
    keys = story.who("auditor").browser.get("ledger/keys")
    verifier = Path(__file__).resolve().parent.parent / "platform/countersign/ledger/offline/verify.py"
    command = [
        sys.executable,
        "-I",
        str(verifier),
        str(bundle),
        "--key",
        keys["ledger"],
        "--export-key",
        keys["export"],
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"The audit export does not hold: {done.stderr}")
    return done.stdout


def main() -> None:
    """Tell the whole story, then say who can sign in."""
    base = os.environ.get("COUNTERSIGN_URL", "http://127.0.0.1:8000")
    administrator = Client(base, token=os.environ["COUNTERSIGN_TOKEN"])
    with tempfile.TemporaryDirectory(prefix="countersign-demo-") as name:
        story = Story(base, administrator, Path(name))
        say(f"Team “Retail credit” with {len(story.people)} people, and a training job with its own token")
        data = story.register_data()
        say("Training data, a later extract of it, and the holdout registered, with their digests")
        story.job.post("models", {"name": MODEL, "team": story.team, "description": PURPOSE})
        story.who("model owner").browser.put(
            f"models/{MODEL}/profile", {"risk_tier": "medium", "purpose": PURPOSE}
        )
        trained = {name: one for name, one in train_all().items() if one.model == MODEL}
        numbers = {
            name: story.upload(trained[name], data, commit)
            for name, commit in (
                ("single_statement_tree", "5f1c9d2a7b3e4f60812394a5b6c7d8e9f0a1b2c3"),
                ("boosted_trees", "8e2b40c1d5f6a7980b1c2d3e4f5061728394a5b6"),
                ("boosted_trees_refresh", "c47d1e8f9a0b1c2d3e4f5a6b7c8d9e0f1a2b3c4d"),
            )
        }
        say(f"{len(numbers)} scikit-learn pipelines trained on real data and uploaded by REST")
        for name, number in numbers.items():
            results = story.evaluated(number)
            say(
                f"Version {number} ({trained[name].title}) evaluated in the sandbox: {results['results_digest'][:12]}"
            )
        tell_refusals(story, numbers)
        best = numbers["boosted_trees"]
        story.write_card(best, BOOSTED_TREES_CARD)
        review = story.ask_for_review(
            best, "Best of three candidates on the holdout; replaces the manual list."
        )
        story.sign(
            "reviewer", review, "validation", "Evidence read group by group; the intervals are narrow enough."
        )
        story.sign(
            "approver",
            review,
            "approval",
            "Fit for ranking accounts for an analyst, within the card's limits.",
        )
        promotion = story.promote(best, "Approved; goes live with the November cycle.")
        say(
            f"Review {review}: validation by Rosa Ferreira, approval by Anil Sharma. "
            f"Promotion {promotion['number']} moved the alias production to version {best}"
        )
        export, bundle = story.export()
        print("\n".join(f"    {line}" for line in check_offline(story, bundle).splitlines()), flush=True)
        say(f"Audit export {export['number']} verified offline: {bundle}")
        forest = story.upload(trained["random_forest"], data, "d90f3b7a6c5e4d3c2b1a09f8e7d6c5b4a3928170")
        forecast = story.upload_bills()
        story.evaluated(forest)
        story.write_card(forest, RANDOM_FOREST_CARD)
        waiting = story.ask_for_review(
            forest, "Challenger: finds more defaults at some cost in precision, and is simpler to explain."
        )
        results = story.evaluated(forecast, bills.MODEL)
        say(
            f"A second model predicts a number, {bills.TARGET}: {bills.MODEL} {results['version']} is evaluated too"
        )
    tell_people(story, waiting)


def tell_refusals(story: Story, numbers: dict[str, int]) -> None:
    """What the gate says of the worse and of the unfair model, and of moving the alias by hand."""
    for name in ("single_statement_tree", "boosted_trees_refresh"):
        gate = story.job.get(f"models/{MODEL}/versions/{numbers[name]}/gate/production")
        say(f"Version {numbers[name]} is refused for production:")
        for reason in gate["reasons"]:
            if reason["code"] not in ("card", "no_review"):  # neither has a card or a review yet
                say(f"   {reason['message']}")
    try:
        story.job.put(f"models/{MODEL}/aliases/production", {"version": numbers["boosted_trees_refresh"]})
    except Answered as answer:
        say(f"Moving the alias by hand is refused too: {answer.reasons[0]}")


def tell_people(story: Story, waiting: int) -> None:
    """How to sign in; the passwords are said here and kept nowhere."""
    print("\nSign in at", f"{story.base}/sign-in/ (passwords are shown this once):\n")
    for title, person in story.people.items():
        print(f"  {title:20} {person.role.username:10} {person.password}")
    print(
        f"\nFirst click: sign in as rosa (reviewer), open the inbox, and decide review {waiting}: a challenger awaits "
        "validation.\n",
        flush=True,
    )


if __name__ == "__main__":
    try:
        main()
    except Answered as answer:
        detail = json.dumps(answer.problem, indent=1)
        sys.exit(f"The demonstration was refused (HTTP {answer.status}): {answer}\n{detail}")
