"""The style of a run's page, for light and dark mode, phones and print."""

STYLE = (
    """
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#5b6470;--line:#dfe3e8;--page:#fff;
--tint:#f5f7f9;--mark:#0b66c3;--s0:#0b66c3;--s1:#c2500a;--s2:#0d8a62;--s3:#a23b8f;--s4:#8a6d00;--s5:#4b7f99;
--s6:#b3261e;--s7:#4a4e9e}
@media (prefers-color-scheme:dark){:root{--ink:#e8eaed;--soft:#9aa3ad;--line:#333a42;--page:#14171a;
--tint:#1d2126;--mark:#6cb2ff;--s0:#6cb2ff;--s1:#ff9d5c;--s2:#4fd0a0;--s3:#e58fd3;--s4:#e3c34f;
--s5:#9ccbe2;--s6:#ff8b81;--s7:#aeb2ff}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
main{max-width:1080px;margin:0 auto;padding:36px 28px 64px}
h1{font-size:30px;line-height:1.2;margin:0;letter-spacing:-.01em;overflow-wrap:anywhere}
h2{font-size:19px;margin:44px 0 12px;padding-top:14px;border-top:1px solid var(--line)}
h3{font-size:14px;margin:22px 0 6px;color:var(--soft);font-weight:600;overflow-wrap:anywhere}
p{margin:6px 0;max-width:76ch}
.about{font-size:17px;color:var(--soft)}
.facts{display:flex;flex-wrap:wrap;margin:24px 0 0;
border:1px solid var(--line);border-radius:8px;overflow:hidden}
.facts div{flex:1 1 240px;padding:12px 16px;box-shadow:1px 1px 0 0 var(--line)}
.facts dt{font-size:12px;color:var(--soft)}
.facts dd{margin:0;font-size:15px;font-weight:600;overflow-wrap:anywhere}
.facts small{display:block;font-weight:400;font-size:13px;color:var(--soft)}
.note ul{margin:4px 0;padding-left:20px}
.note{border-left:3px solid var(--s1);background:var(--tint);padding:8px 14px;margin:16px 0 0}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:14px;margin-bottom:18px}
th,td{padding:6px 12px;text-align:left;vertical-align:top;border-bottom:1px solid var(--line)}
th:first-child,td:first-child{padding-left:0}
table.list{width:auto;min-width:min(100%,440px)}
thead th{font-size:12px;font-weight:600;color:var(--soft);white-space:nowrap}
tbody th{font-weight:500;overflow-wrap:anywhere;min-width:10.5em}
.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
td small{display:block;font-size:12px;color:var(--soft)}
.soft{color:var(--soft)}
code{font:13px/1.5 ui-monospace,SFMono-Regular,Menlo,"DejaVu Sans Mono",monospace}
.bar{display:block;height:4px;
min-width:2px;margin:3px 0 0 auto;border-radius:2px;background:var(--s0)}
.stages th:first-child{max-width:22em}
.stages :is(th,td):is(:nth-child(n+3):nth-child(-n+7)),
.files :is(th,td):nth-child(n+3){text-align:right;font-variant-numeric:tabular-nums;
white-space:nowrap}
.stages td small{max-width:34em;overflow-wrap:anywhere}
td.failed{color:var(--s6)}td.up{color:var(--soft)}
.wide{display:block;width:100%;min-width:760px;height:auto}
.graph{display:block;height:auto;margin:0}
.timeline text,.graph text{fill:var(--ink);font-size:11.5px}
.timeline .tick,.graph text:not(.strong){fill:var(--soft)}
.graph text:not(.strong){font-size:10.5px}.graph .strong{font-weight:600}
.waiting{fill:var(--line)}.dispatch{fill:var(--s4);opacity:.55}
.bookkeeping{fill:var(--s0);opacity:.35}
.work{fill:var(--s0)}.work.failed{fill:var(--s6)}.work.reused{fill:var(--s2)}
.critical{stroke:var(--s1);stroke-width:2;fill:none}
.edge{fill:none;stroke:var(--soft);stroke-width:1.1;opacity:.6}
.box{fill:var(--tint);stroke:var(--line);stroke-width:1.5}
.box.ran{stroke:var(--s0)}.box.reused{stroke:var(--s2)}.box.failed{stroke:var(--s6);stroke-width:2.5}
.box.skipped{stroke:var(--s6);stroke-dasharray:4 3}.box.running{stroke:var(--s1)}
.box.waiting{fill:var(--tint);stroke-dasharray:4 3}
pre{background:var(--tint);border:1px solid var(--line);border-radius:8px;padding:12px 16px;
overflow-x:auto;font:13px/1.5 ui-monospace,SFMono-Regular,Menlo,"DejaVu Sans Mono",monospace}
details{margin:12px 0}summary{cursor:pointer;color:var(--mark)}
details p{max-width:none;overflow-wrap:anywhere;font-size:13px}
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,400px),1fr));gap:28px}
figure{margin:0;break-inside:avoid}
figcaption{font-weight:600;overflow-wrap:anywhere}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:2px 16px;margin:2px 0;padding:0;
font-size:13px}
.key{width:18px;height:10px;margin-right:6px}
.chart{display:block;width:100%;height:auto}
.chart text{fill:var(--soft);font-size:11.5px}
.mid{text-anchor:middle}.end{text-anchor:end}
.grid{stroke:var(--line);fill:none}.axis{stroke:var(--soft);fill:none}
.reference{stroke:var(--soft);stroke-dasharray:4 4;fill:none}
.line,.key path{fill:none;stroke-width:1.9;stroke-linejoin:round}
"""
    + "".join(
        f".line.s{i},.key .s{i}{{stroke:var(--s{i})}}.dot.s{i}{{fill:var(--s{i})}}"
        for i in range(8)
    )
    + """
footer{margin-top:44px;color:var(--soft);font-size:13px}
@media (max-width:640px){main{padding:22px 16px 40px}h1{font-size:24px}th,td{padding:6px 8px}
.facts div{flex-basis:45%;padding:8px 12px}
.files code{font-size:11px}.meaning{display:none}
.stages td:nth-child(2){min-width:13em}}
@media print{:root{color-scheme:light;--ink:#000;--soft:#444;--line:#bbb;--page:#fff;--tint:#fff}
main{max-width:none;padding:0}h2{break-after:avoid}tr{break-inside:avoid}
.scroll{overflow:visible}.bar{print-color-adjust:exact}}
"""
)
