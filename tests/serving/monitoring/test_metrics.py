"""/metrics: Prometheus's format, and the counts of the requests that were sent."""

from __future__ import annotations

from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.serving.conftest import BASE, StartServer


def test_the_metrics_parse_as_prometheus_text_and_count_the_requests(
    bundle: Path, start: StartServer
) -> None:
    server = start(bundle)
    for _ in range(5):
        server.request("POST", "/predict", {"rows": [BASE, {**BASE, "carrier": "ZZ"}]})
    server.request("POST", "/predict", {"rows": []})
    server.request("GET", "/a/path/that/is/no/label")
    text = server.request("GET", "/metrics").body.decode()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    sent = {
        (s.labels["route"], s.labels["status"]): s.value
        for s in families["serving_requests"].samples
        if s.name.endswith("_total")
    }
    assert sent["predict", "200"] == 5
    assert sent["predict", "422"] == 1
    assert sent["none", "404"] == 1
    assert server.metric("serving_rows_total") == 10
    assert server.metric("serving_drift_window_rows") == 10
    assert server.metric('serving_unseen_category_total{feature="carrier"}') == 5
    assert server.metric('serving_unseen_share{feature="carrier"}') == 0.5
    assert server.metric('serving_missing_total{feature="visib"}') == 10
    assert server.metric('serving_prediction_score_bucket{le="+Inf"}') == 10
    assert server.metric('serving_feature_psi{feature="carrier"}') > 1
    assert "/a/path" not in text
