"""The page of figures, read by Prometheus's own library for Python."""

import urllib.request

from prometheus_client.parser import text_string_to_metric_families

from cases import case
from mail import check, sample
from wire import deliver, mailbox


@case("Prometheus", "its parser reads every line of the page, and finds a message that came and was collected")
def prometheus(office):
    before = figures(office)
    user, sent = office.user(), sample("figures")
    deliver(office, user, sent)
    mailbox(office, user)
    after = figures(office)
    for name in ["postroom_received_messages_total", "postroom_retrieved_messages_total"]:
        check(after[name] == before[name] + 1, f"{name} went from {before[name]} to {after[name]}")
    count = after["postroom_commit_duration_seconds_count"]
    check(count == after["postroom_commit_duration_seconds_bucket+Inf"], "the histogram does not add up")


def figures(office):
    """Each sample's value by its name and the values of its labels."""
    with urllib.request.urlopen(f"http://127.0.0.1:{office.metrics}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    families = list(text_string_to_metric_families(text))
    check(len(families) > 30, f"only {len(families)} metrics")
    untyped = [family.name for family in families if family.type not in ("counter", "gauge", "histogram")]
    check(not untyped, f"without a type: {untyped}")
    check(all(family.documentation for family in families), "a metric without HELP")
    return {each.name + "".join(each.labels.values()): each.value for family in families for each in family.samples}
