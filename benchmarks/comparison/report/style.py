"""What the page adds to the style of `dvc-bridge report`."""

from __future__ import annotations

from dvc_bridge.report.style import STYLE as SHARED

# Names and values keep their places on a phone: the picture scrolls instead of shrinking.
STYLE = (
    SHARED
    + """
.strip{min-width:600px}
.strip .name{fill:var(--ink)}.strip .strong{font-weight:700}
.strip .value{fill:var(--ink);font-variant-numeric:tabular-nums}
.rail{stroke:var(--line);stroke-dasharray:1 3}
.strip .dot{fill-opacity:.6}
.median{stroke-width:2;fill:none}
"""
    + "".join(f".median.s{i}{{stroke:var(--s{i})}}" for i in range(8))
    + """
.cross{stroke:var(--s6);stroke-width:2;fill:none}.strip .bad,.bad{fill:var(--s6);color:var(--s6)}
details{margin:4px 0 18px}summary{cursor:pointer;color:var(--soft);font-size:13px}
ul.plain{padding-left:20px;margin:8px 0;max-width:80ch}ul.plain li{margin:4px 0}
pre{white-space:pre-wrap;overflow-wrap:anywhere;background:var(--tint);padding:8px 12px;
font-size:12px}
h3{color:var(--ink);font-size:15px;margin-top:28px}
a{color:var(--mark)}.words{white-space:nowrap}
tr.ours th,tr.ours td{font-weight:650}
"""
)
# A picture outside of the page has no style of its page.
SVG_STYLE = """
.strip{font:12px system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;background:#fff}
.tick{fill:#5b6470}.name,.value{fill:#1b1f24}.strong{font-weight:700}.mid{text-anchor:middle}
.end{text-anchor:end}.grid{stroke:#dfe3e8}.rail{stroke:#dfe3e8;stroke-dasharray:1 3}
.dot{fill-opacity:.6}.s0{fill:#0b66c3;stroke:#0b66c3}.s1{fill:#c2500a;stroke:#c2500a}
.s5{fill:#4b7f99;stroke:#4b7f99}.dot{stroke:none}.median{stroke-width:2}
.cross{stroke:#b3261e;stroke-width:2;fill:none}.bad{fill:#b3261e}
"""
