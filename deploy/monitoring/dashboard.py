#!/usr/bin/python3
"""Makes dashboard.json, the Grafana dashboard of Envelope Relay."""

import json
import pathlib

FILE = pathlib.Path(__file__).resolve().parent / "dashboard.json"

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
COLUMNS = 24
GREEN, ORANGE, RED = "green", "orange", "red"


# ---- Queries -----------------------------------------------------------------


def series(metric):
    """Selects what the chosen instances have of a metric."""
    name = metric if metric.startswith("process_") else f"envelope_relay_{metric}"
    return f'{name}{{instance=~"$instance"}}'


def total(expr, labels=""):
    """The sum over all series, or one for each value of `labels`."""
    return f"sum by ({labels}) ({expr})" if labels else f"sum ({expr})"


def rate(metric, labels=""):
    """How fast a counter grows, a second."""
    return total(f"rate({series(metric)}[$__rate_interval])", labels)


def hourly(metric, labels=""):
    """By how much a counter that seldom grows has grown within an hour."""
    return total(f"increase({series(metric)}[1h])", labels)


def quantiles(metric, what=""):
    """Targets: median and 99th percentile of a histogram."""
    buckets = rate(f"{metric}_bucket", "le")
    prefix = f"{what} " if what else ""
    return [
        (f"histogram_quantile(0.5, {buckets})", f"{prefix}50 %"),
        (f"histogram_quantile(0.99, {buckets})", f"{prefix}99 %"),
    ]


def age(metric, label):
    """How long ago the time was that a gauge holds; those that are 0 are left out."""
    return f"time() - max by ({label}) ({series(metric)} > 0)"


def per_instance(metric):
    """The target that shows a gauge as it is."""
    return [(series(metric), "{{instance}}")]


def by(label, function, metric):
    """The target that shows `function` of a metric, a line for each value of a label."""
    return [(function(metric, label), f"{{{{{label}}}}}")]


def of_subscriptions(metric):
    """The twenty subscriptions that have most of it."""
    return [(f"topk(20, sum by (subscription) ({series(metric)}))", "{{subscription}}")]


# ---- Panels ------------------------------------------------------------------


def panel(
    kind, title, description, unit, targets, *, width, height, instant, defaults, options
):
    return {
        "type": kind,
        "title": title,
        "description": description,
        "datasource": DATASOURCE,
        "gridPos": {"w": width, "h": height},
        "fieldConfig": {"defaults": {"unit": unit, **defaults}, "overrides": []},
        "options": options,
        "targets": [
            {
                "refId": chr(ord("A") + i),
                "datasource": DATASOURCE,
                "expr": expr,
                "legendFormat": legend,
                "instant": instant,
                "range": not instant,
            }
            for i, (expr, legend) in enumerate(targets)
        ],
    }


def graph(title, description, unit, targets, stacked=False):
    custom = {"fillOpacity": 10, "showPoints": "never"}
    if stacked:
        custom["stacking"] = {"mode": "normal", "group": "A"}
    return panel(
        "timeseries", title, description, unit, targets, width=8, height=8, instant=False,
        defaults={"min": 0, "custom": custom},
        options={
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
    )


def steps(*colours):
    """Thresholds: a colour, then pairs of a value and the colour from there on."""
    pairs = [(None, colours[0]), *zip(colours[1::2], colours[2::2])]
    return {"mode": "absolute", "steps": [{"value": v, "color": c} for v, c in pairs]}


REDUCE = {"calcs": ["lastNotNull"], "fields": "", "values": False}


def stat(title, description, unit, expr, thresholds, width=3, legend="", **defaults):
    return panel(
        "stat", title, description, unit, [(expr, legend)], width=width, height=4, instant=True,
        defaults={"thresholds": thresholds, **defaults},
        options={
            "reduceOptions": REDUCE,
            "colorMode": "value",
            "graphMode": "none",
            "textMode": "name" if legend else "value",
        },
    )


def bars(title, description, unit, expr, legend, thresholds, **defaults):
    return panel(
        "bargauge", title, description, unit, [(expr, legend)], width=8, height=8, instant=True,
        defaults={"min": 0, "thresholds": thresholds, **defaults},
        options={"reduceOptions": REDUCE, "displayMode": "basic", "orientation": "horizontal"},
    )


MINUTE, HOUR, DAY = 60, 3600, 86400

OVERVIEW = [
    stat(
        "Ready", "Whether webhooks are taken: /readyz of the admin port.", "none",
        f"min({series('ready')})", steps(RED, 1, GREEN),
        mappings=[
            {"type": "value", "options": {"0": {"text": "no", "index": 0}}},
            {"type": "value", "options": {"1": {"text": "yes", "index": 1}}},
        ],
    ),
    stat(
        "Events stored", "Webhooks that became events, a second.", "eps",
        rate("log_appended_total"), steps(GREEN),
    ),
    stat(
        "Newest event", "How long ago it came.", "s",
        f"time() - max({series('log_latest_event_timestamp_seconds')} > 0)",
        steps(GREEN, DAY, ORANGE), noValue="never",
    ),
    stat(
        "Oldest unsettled event", "Of all durable subscriptions: how long ago it came.", "s",
        f"time() - min({series('subscription_oldest_unsettled_timestamp_seconds')} > 0)",
        steps(GREEN, 30 * MINUTE, ORANGE), noValue="all settled",
    ),
    stat(
        "Dead letters", "Of all durable subscriptions.", "short",
        f"sum({series('subscription_dead_letters')})", steps(GREEN, 1, ORANGE), noValue="0",
    ),
    stat(
        "In quarantine", "Bodies that are no events.", "short",
        f"sum({series('quarantine_bodies')})", steps(GREEN, 1, ORANGE),
    ),
    stat(
        "Disk free", "Of the file system with the data directory.", "percentunit",
        f"min({series('log_free_bytes')} / {series('log_filesystem_bytes')})",
        steps(RED, 0.05, ORANGE, 0.2, GREEN),
    ),
    stat(
        "Certificates valid for", "The one that expires first.", "s",
        f"min({series('tls_certificate_not_after_timestamp_seconds')} > 0) - time()",
        steps(RED, 3 * DAY, ORANGE, 14 * DAY, GREEN), noValue="no TLS",
    ),
]

INGEST = [
    graph(
        "Webhooks by answer", "Requests to the ingress that were answered, a second.", "reqps",
        [(rate("ingress_requests_total", "status, reason"), "{{status}} {{reason}}")], stacked=True,
    ),
    graph(
        "Time to the answer of 200",
        "From a webhook's head being read to its answer being handed to the socket. "
        "The event is on the disk by then.",
        "s", quantiles("ingress_ack_duration_seconds"),
    ),
    graph(
        "Requests not let in", "By what was wrong with them, a second.", "reqps",
        by("cause", rate, "ingress_denied_total"), stacked=True,
    ),
    graph(
        "Requests by token", "Requests with a valid token, a second.", "reqps",
        by("token", rate, "ingress_token_requests_total"), stacked=True,
    ),
    bars(
        "Since a token was last used", "Tokens that were never used are not shown.", "s",
        age("ingress_token_last_used_timestamp_seconds", "token"), "{{token}}", steps(GREEN),
    ),
    bars(
        "Since the newest event of a type",
        "Types of which none has come since the start are not shown.",
        "s", age("ingress_last_event_timestamp_seconds", "type"), "{{type}}", steps(GREEN),
    ),
    graph(
        "Bodies", "Bytes of the bodies of webhooks that were let in, a second.", "Bps",
        by("instance", rate, "ingress_body_bytes_total"),
    ),
    graph(
        "Connections", "To the ingress, open.", "short",
        per_instance("ingress_connections"),
    ),
    graph(
        "Failed TLS handshakes", "Connections without an agreement on TLS, a second.", "cps",
        by("instance", rate, "ingress_tls_handshakes_failed_total"),
    ),
    graph(
        "Unknown names",
        "Names that this version does not know, there for the first time since the start, "
        "within an hour.",
        "short", by("kind", hourly, "ingress_unknown_names_total"),
    ),
]

LOG = [
    graph(
        "Writes", "Events, duplicates of events, and changes of other state, a second.", "wps",
        [
            (rate("log_appended_total"), "events"),
            (rate("log_duplicates_total"), "duplicates"),
            (rate("log_state_writes_total"), "state"),
        ],
    ),
    graph(
        "Time of commits and syncs", "A commit writes a group of events and syncs once.", "s",
        quantiles("log_commit_duration_seconds", "commit")
        + quantiles("log_fsync_duration_seconds", "sync"),
    ),
    graph(
        "Events in a commit", "Many in one: the disk is slower than what comes.", "short",
        quantiles("log_commit_events"),
    ),
    graph(
        "Waiting appends", "Events that wait for a commit.", "short",
        per_instance("log_waiting_appends"),
    ),
    graph(
        "Retained events", "", "short",
        [
            (
                f"{series('log_latest_sequence')} - {series('log_earliest_sequence')} + 1",
                "{{instance}}",
            )
        ],
    ),
    graph(
        "Age of the oldest retained event", "And the age at which retention removes events.", "s",
        [
            (age("log_earliest_event_timestamp_seconds", "instance"), "{{instance}}"),
            (f"max({series('log_retention_limit_seconds')} > 0)", "limit"),
        ],
    ),
    graph(
        "Size of the log",
        "Events are what the limit of retention is of; the directory holds more.",
        "bytes",
        [
            (series("log_stored_bytes"), "events, {{instance}}"),
            (series("log_disk_bytes"), "directory, {{instance}}"),
            (f"max({series('log_retention_limit_bytes')} > 0)", "limit"),
        ],
    ),
    graph(
        "Disk", "The file system with the data directory.", "bytes",
        [
            (series("log_free_bytes"), "free, {{instance}}"),
            (series("log_filesystem_bytes"), "size, {{instance}}"),
        ],
    ),
    graph(
        "Retention", "Events removed, and attempts that failed, within an hour.", "short",
        [
            (hourly("log_retention_removed_total"), "removed"),
            (hourly("log_retention_errors_total"), "errors"),
        ],
    ),
]

STREAMS = [
    graph(
        "Open streams", "By who called.", "short",
        [(f"sum by (principal) ({series('caller_streams')})", "{{principal}}")], stacked=True,
    ),
    graph(
        "Deliveries", "Events handed to streams, each once a stream, a second.", "eps",
        by("instance", rate, "stream_deliveries_total"),
    ),
    graph(
        "Time to delivery", "From an event's receive time to the first stream that got it.", "s",
        quantiles("delivery_delay_seconds"),
    ),
    graph(
        "Backlog of the slowest stream",
        "Events to the end of the log. Durable subscriptions have a backlog of their own.",
        "short", per_instance("stream_backlog_events"),
    ),
    graph(
        "Ended streams", "By reason, a second.", "cps",
        by("reason", rate, "stream_ends_total"), stacked=True,
    ),
    graph(
        "Refused gRPC calls", "Refused for who called, by reason, a second.", "cps",
        by("reason", rate, "grpc_refused_calls_total"), stacked=True,
    ),
]

SUBSCRIPTIONS = [
    graph(
        "Age of the oldest unsettled event", "The twenty that are furthest behind.", "s",
        [
            (
                "topk(20, time() - min by (subscription) ("
                f"{series('subscription_oldest_unsettled_timestamp_seconds')} > 0))",
                "{{subscription}}",
            )
        ],
    ),
    graph(
        "Backlog", "Events after all that is settled, before filtering. The twenty largest.", "short",
        of_subscriptions("subscription_backlog_events"),
    ),
    graph(
        "Outstanding", "Events in the hands of workers. The twenty largest.", "short",
        of_subscriptions("subscription_outstanding_events"),
    ),
    graph(
        "Retrying", "Events that failed and will be delivered again. The twenty largest.", "short",
        of_subscriptions("subscription_retrying_events"),
    ),
    graph(
        "Dead letters", "Events that could not be handled. The twenty largest.", "short",
        of_subscriptions("subscription_dead_letters"),
    ),
    graph(
        "Lost events", "Removed by retention before they were settled, within an hour.", "short",
        [
            (
                f"topk(20, {hourly('subscription_lost_events_total', 'subscription')})",
                "{{subscription}}",
            )
        ],
    ),
]

QUARANTINE = [
    graph(
        "Bodies", "Kept now.", "short", per_instance("quarantine_bodies"),
    ),
    graph(
        "Bytes", "Of the bodies that are kept now.", "bytes",
        per_instance("quarantine_bytes"),
    ),
    graph(
        "New bodies", "Put into quarantine, by what was wrong with them, within an hour.", "short",
        by("reason", hourly, "quarantine_kept_total"), stacked=True,
    ),
    graph(
        "Repeated bodies", "The same ones that came again, within an hour.", "short",
        by("reason", hourly, "quarantine_repeated_total"), stacked=True,
    ),
    graph(
        "Removed bodies",
        "By cause, within an hour. Those that went for count and bytes made room and are lost.",
        "short", by("cause", hourly, "quarantine_removed_total"), stacked=True,
    ),
    graph(
        "Bodies that could not be kept", "Their senders got 503. Within an hour.", "short",
        [(hourly("quarantine_failed_total"), "failed")],
    ),
]

PROCESS = [
    graph(
        "CPU", "Processors in use.", "short",
        by("instance", rate, "process_cpu_seconds_total"),
    ),
    graph(
        "Memory", "", "bytes",
        [
            (series("process_resident_memory_bytes"), "resident, {{instance}}"),
            (series("process_virtual_memory_bytes"), "virtual, {{instance}}"),
        ],
    ),
    graph(
        "Open files", "And how many there may be.", "short",
        [
            (series("process_open_fds"), "open, {{instance}}"),
            (series("process_max_fds"), "limit, {{instance}}"),
        ],
    ),
    graph("Threads", "", "short", per_instance("process_threads")),
    graph(
        "Time since the start", "", "s",
        [(f"time() - {series('process_start_time_seconds')}", "{{instance}}")],
    ),
    bars(
        "Certificates valid for", "Ports without TLS are not shown.", "s",
        f"min by (instance, port) ({series('tls_certificate_not_after_timestamp_seconds')} > 0)"
        " - time()",
        "{{port}}, {{instance}}", steps(RED, 3 * DAY, ORANGE, 14 * DAY, GREEN), noValue="no TLS",
    ),
    stat(
        "Version", "", "none", f"count by (version, commit) ({series('build_info')})",
        steps(GREEN), width=8, legend="{{version}} ({{commit}})",
    ),
]

ROWS = [
    ("Overview", OVERVIEW),
    ("Ingest", INGEST),
    ("Log and disk", LOG),
    ("Streams", STREAMS),
    ("Subscriptions", SUBSCRIPTIONS),
    ("Quarantine", QUARANTINE),
    ("Process", PROCESS),
]


# ---- The dashboard -----------------------------------------------------------


def place(rows):
    """All panels, numbered, from left to right and from top to bottom."""
    placed = []
    y = 0
    for title, panels in rows:
        placed.append({"type": "row", "title": title, "collapsed": False, "panels": [],
                       "gridPos": {"x": 0, "y": y, "w": COLUMNS, "h": 1}})
        y += 1
        x = height = 0
        for one in panels:
            size = one["gridPos"]
            if x + size["w"] > COLUMNS:
                y += height
                x = height = 0
            placed.append({**one, "gridPos": {"x": x, "y": y, **size}})
            x += size["w"]
            height = max(height, size["h"])
        y += height
    return [{"id": i, **one} for i, one in enumerate(placed, 1)]


DASHBOARD = {
    "uid": "envelope-relay",
    "title": "Envelope Relay",
    "description": "Webhooks in, events out: ingest, log, streams, subscriptions, quarantine.",
    "tags": ["envelope-relay"],
    "schemaVersion": 38,
    "editable": True,
    "graphTooltip": 1,
    "refresh": "30s",
    "time": {"from": "now-6h", "to": "now"},
    "timezone": "",
    "annotations": {"list": []},
    "templating": {
        "list": [
            {
                "name": "datasource",
                "label": "Data source",
                "type": "datasource",
                "query": "prometheus",
                "refresh": 1,
            },
            {
                "name": "instance",
                "label": "Instance",
                "type": "query",
                "datasource": DATASOURCE,
                "definition": "label_values(envelope_relay_build_info, instance)",
                "query": {
                    "query": "label_values(envelope_relay_build_info, instance)",
                    "refId": "instances",
                },
                "refresh": 2,
                "sort": 1,
                "multi": True,
                "includeAll": True,
                "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
            },
        ]
    },
    "panels": place(ROWS),
}


def text() -> str:
    return json.dumps(DASHBOARD, indent=2) + "\n"


if __name__ == "__main__":
    FILE.write_text(text())
